"""What `Router.generate` is given, held against what it takes before anything is admitted or sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from math import inf
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pixroute.policy import Overrides
from pixroute.request import ImageRequest, Size
from pixroute.result import Adjustment
from pixroute.values import NO_ENTRIES, Above0, Mistake, check_one, named_file
from pixroute.words import join, nearest, unknown_key

FIELDS: Mapping[str, Any] = MappingProxyType(
    {
        "size": None,
        "aspect_ratio": None,
        "n": 1,
        "references": (),
        "mask": None,
        "output_format": None,
        "sensitive": False,
        "tags": None,
        "extra": None,
    }
)
"""What `generate` takes of a request beside its prompt, each with its default."""
_TIMEOUT: Any = Above0 | None
_CALL = ("chain", "timeout", "into", "request_id")
_CHAIN: Any = str | None
_REQUEST_ID = re.compile(r"[!-~]{1,128}")


def request_of(prompt: object, fields: Mapping[str, Any]) -> ImageRequest:
    """Make the request, or take the one that was given whole.

    Raises:
        ValueError: a field that makes no sense, or one beside a whole request; the text names it.
    """
    if not isinstance(prompt, ImageRequest):
        present = {name: value for name, value in fields.items() if value is not None and name != "aspect_ratio"}
        size = _size(fields["size"], fields["aspect_ratio"])
        return ImageRequest(prompt, **present | {"size": size})  # type: ignore[arg-type]  # it checks itself
    for name, default in FIELDS.items():
        value = fields[name]
        if value is not default and value != default:
            raise Mistake("stands beside a whole ImageRequest; say it in the request", name)
    return prompt


def _size(size: Any, aspect_ratio: Any) -> Size | None:
    if aspect_ratio is None:
        return size  # type: ignore[no-any-return]  # text is read, and anything else refused, by the request
    check_one(aspect_ratio, str, "aspect_ratio")
    if isinstance(size, Size):
        raise Mistake("stands beside a Size, which has its own", "aspect_ratio")
    return Size.parse("1K" if size is None else size, aspect_ratio)


def check_limits(
    *,
    timeout: object = None,
    chain: object = None,
    overrides: Mapping[str, Any] = NO_ENTRIES,
    request_id: object = None,
) -> None:
    """Refuse a time-out that is none, a chain's name that is no text, an option that a request has not.

    An id must be able to stand in a header and a line of a log.
    """
    for value, kind, name in ((timeout, _TIMEOUT, "timeout"), (chain, _CHAIN, "chain")):
        if value is not None:
            check_one(value, kind, name)
    for name in overrides:
        if name not in Overrides.__annotations__:
            raise Mistake(unknown_key(name, [*Overrides.__annotations__, *FIELDS, *_CALL]), name)
    if request_id is not None:
        check_one(request_id, str, "request_id")
        if not _REQUEST_ID.fullmatch(str(request_id)):
            raise Mistake("must be 1 to 128 visible ASCII characters, without spaces", "request_id")


def check_drain(drain: object) -> None:
    """Refuse seconds of draining that are none; what is left of a deadline may be below 0, and inf takes its time."""
    if drain != inf:
        check_one(drain, float, "drain")


def path_of(into: str | PathLike[str] | None) -> Path | None:
    """Give the file that a picture is to be written to."""
    return None if into is None else named_file(into, "into")


def check_extra(extra: Iterable[str], names: Callable[[], Collection[str]]) -> None:
    """Refuse fields for a provider that does not exist; `names` gives those that do."""
    for name in extra:
        if name not in (known := names()):
            others = nearest(name, known) or f"; there are {', '.join(sorted(known))}"
            raise Mistake(f"is for no provider that is known here{others}", join("extra", name))


def unused_extra(extra: Iterable[str], members: Collection[str], chain: str) -> tuple[Adjustment, ...]:
    """Tell of the fields whose provider is not in the chain that was asked."""
    return tuple(
        Adjustment(join("extra", name), "its fields", "none of them", f"{name} is not in chain {chain}")
        for name in extra
        if name not in members
    )
