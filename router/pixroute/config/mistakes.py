"""From what is wrong with single values to problems with their paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from cattrs.errors import AttributeValidationNote, ForbiddenExtraKeysError, IterableValidationNote

from pixroute.config.kinds import field_kinds
from pixroute.config.secrets import NEVER_IN_CLEAR
from pixroute.config.words import choices, describe, join, nearest, shown, unknown_key
from pixroute.errors import Problem
from pixroute.secret import Secret


class Mistake(ValueError):
    """What is wrong with one value, said of it; `problems_of` finds where it stands."""


def refused(value: object, kind: Any) -> Mistake:
    """Say that this value is not of that kind, and which is near; never of what may hold a key."""
    if _holds_secret(kind):
        return Mistake(NEVER_IN_CLEAR)
    near = nearest(value, choices(kind)) if isinstance(value, str) else ""
    return Mistake(f"{shown(value)} is not {describe(kind)}{near}")


def _holds_secret(kind: Any) -> bool:
    return kind is Secret or any(map(_holds_secret, get_args(kind)))


def problems_of(error: BaseException, path: str, also: tuple[str, ...] = ()) -> Iterator[Problem]:
    """Give the mistakes in a tree of errors, each under its path; `also` is known beside the class's own fields."""
    if isinstance(error, ForbiddenExtraKeysError):
        known = [*also, *field_kinds(error.cl)]
        for key in sorted(error.extra_fields, key=str):
            yield Problem(join(path, key), unknown_key(key, known))
    elif isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            step = _step(inner)
            yield from problems_of(inner, path, also) if step is None else problems_of(inner, join(path, step))
    elif isinstance(error, KeyError) and _step(error) is not None:
        yield Problem(path, "is missing")
    else:
        yield Problem(path, str(error) or type(error).__name__)


def _step(error: BaseException) -> object:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return note.name
        if isinstance(note, IterableValidationNote):
            return note.index
    return None
