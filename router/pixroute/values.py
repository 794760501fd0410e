"""What may stand in a field, said once as its type, and the one sentence told where something else stands there.

A class of values declares each field's type with its range and choices, and calls `check` when it is made. The
configuration, its JSON Schema and the reference page read the same types. A field that takes more than it keeps, such
as a preset's name for a table of times, says so in its metadata under `KIND`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from functools import cache
from math import inf
from os import PathLike
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from pixroute.secret import Secret
from pixroute.words import broken_at, join, nearest, shown

KIND: Final = "kind"
NEVER_IN_CLEAR = 'a key never stands in clear here: write { env = "NAME" } or { file = "/path" }'
LARGEST = 1e15
"""Beyond it a float no longer counts in ones."""
Fits = Callable[[Any], bool]


class Mistake(ValueError):
    """What is wrong with a value; `path` leads to it from where the reading began, empty for the value itself."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(f"{path} {message}" if path else message)
        self.message = message
        self.path = path


@attrs.frozen
class Range:
    """The bounds of a number; `low` itself is outside if `above`."""

    low: float
    high: float = inf
    above: bool = False

    def __contains__(self, number: float | Decimal) -> bool:
        return (number > self.low if self.above else number >= self.low) and number <= self.high

    def __str__(self) -> str:
        if self.high == inf:
            return f"{'above' if self.above else 'of at least'} {self.low:g}"
        return f"above {self.low:g} and at most {self.high:g}" if self.above else f"from {self.low:g} to {self.high:g}"


@attrs.frozen
class Form:
    """The pattern of a text, and how it is told."""

    pattern: str
    told: str

    def __contains__(self, text: str) -> bool:
        return re.fullmatch(self.pattern, text) is not None

    def __str__(self) -> str:
        return self.told


Above0 = Annotated[float, Range(0, above=True)]
From0 = Annotated[float, Range(0)]
From1 = Annotated[float, Range(1)]
Share = Annotated[float, Range(0, 1)]
ShareAbove0 = Annotated[float, Range(0, 1, above=True)]
Count = Annotated[int, Range(1)]
CountFrom0 = Annotated[int, Range(0)]
Money = Annotated[Decimal, Range(0)]


# What a value says of itself


def check(value: Any) -> None:
    """Hold every field of an attrs value against what may stand there; classes call it when they are made.

    Raises:
        Mistake: a ValueError that names the field, what may stand there and what does.
    """
    made_of: Any = type(value)
    for name, default, kind, fit in _checks(made_of):
        held = getattr(value, name)
        try:
            wrong = held is not default and not fit(held)
        except Exception as error:
            raise unreadable(error, name) from error
        if wrong:
            raise mistake(held, kind, name)


def check_one(value: object, kind: Any, name: str) -> None:
    """Hold one argument against what may stand there; raises `Mistake` as `check` does."""
    try:
        right = fits(kind)(value)
    except Exception as error:
        raise unreadable(error, name) from error
    if not right:
        raise mistake(value, kind, name)


def named_file(value: object, name: str) -> Path:
    """Read an argument as the path of a file; raises `Mistake` for one that names none."""
    if not isinstance(value, str | PathLike):
        raise mistake(value, Path, name)
    try:
        text: object = os.fspath(value)
    except Exception as error:
        raise unreadable(error, name) from error
    if not isinstance(text, str):
        raise Mistake("must be a path of text, not of bytes", name)
    path = Path(text)
    if not path.name or "\0" in text:
        raise Mistake("must name a file", name)
    check_one(path, Path, name)
    return path


def unreadable(error: Exception, name: str) -> Mistake:
    """Say of an object of somebody else's class that its own code fails when it is looked at."""
    return Mistake(f"cannot be read: it raised {type(error).__name__}", name)


def mistake(value: object, kind: Any, path: str = "") -> Mistake:
    """Say of a value that does not fit, or of the innermost of its parts that does not, what may stand there."""
    for inner, inner_kind, step in _parts(value, kind):
        if not fits(inner_kind)(inner):
            return mistake(inner, inner_kind, join(path, step))
    return Mistake(sentence(value, kind), path)


def sentence(value: object, kind: Any) -> str:
    """Say that this value is not of that kind, and which is near; never of what may hold a key."""
    if isinstance(value, str | Path) and (at := broken_at(str(value))):
        return f"holds half a surrogate pair at character {at}; give whole characters"
    if _holds_secret(kind):
        return NEVER_IN_CLEAR
    if isinstance(value, str) and all(get_origin(one) in (*_MAPPINGS, *_SEQUENCES) for one in members(kind)):
        return f"must be {describe(kind)}, not text"  # which may be a key that stands in the wrong place
    near = nearest(value, choices(kind)) if isinstance(value, str) else ""
    return f"must be {describe(kind)}, not {shown(value)}{near}"


def field_kinds(cls: type) -> dict[str, Any]:
    """Give what may be written in each field of an attrs class."""
    hints = _hints(cls)
    return {one.name: one.metadata.get(KIND, hints.get(one.name, Any)) for one in attrs.fields(cls) if one.init}


@cache
def _checks(cls: type) -> tuple[tuple[str, Any, Any, Fits], ...]:
    hints, fields = _hints(cls), attrs.fields_dict(cls)
    kinds = field_kinds(cls).items()
    return tuple((name, fields[name].default, kind, fits(hints.get(name, Any))) for name, kind in kinds)


def _hints(cls: type) -> dict[str, Any]:
    """Read a class's annotations; those of a base alone where a plugin's own cannot be read."""
    for base in cls.__mro__:
        try:
            return get_type_hints(base, include_extras=True)
        except NameError:
            continue
    return {}


# Whether it fits


def fits(kind: Any) -> Fits:
    """Give a test of values; to a type that cannot be tested everything fits."""
    try:
        return _fits_any(kind)
    except TypeError:  # a plugin's own: without a hash, or such as a Protocol that no instance can be held against
        return _everything


def _everything(_: object) -> bool:
    return True


@cache
def _fits_any(kind: Any) -> Fits:
    first, *others = [_fits(member) for member in members(kind)]
    if others:
        alternatives = (first, *others)
        first = lambda value: any(fit(value) for fit in alternatives)  # noqa: E731 - one of two such
    if kind_takes_none(kind):
        return lambda value: value is None or first(value)
    return first


def _fits(kind: Any) -> Fits:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if origin is Literal:
        types = {type(one) for one in arguments}
        return lambda value: (type(value) in types or isinstance(value, str)) and value in arguments
    if origin is Annotated:
        fit, beside = fits(arguments[0]), [one.__contains__ for one in arguments[1:] if isinstance(one, Range | Form)]
        if len(beside) == 1:
            (within,) = beside
            return lambda value: fit(value) and within(value)
        return lambda value: fit(value) and all(within(value) for within in beside)
    if origin in _MAPPINGS:
        key, item = (fits(one) for one in arguments or (str, Any))
        return lambda value: isinstance(value, Mapping) and all(key(k) and item(v) for k, v in value.items())
    if origin is tuple and arguments[-1] is not Ellipsis:
        each = [fits(one) for one in arguments]
        return lambda value: (
            isinstance(value, tuple | list)
            and len(value) == len(each)
            and all(fit(one) for fit, one in zip(each, value, strict=True))
        )
    if origin in _SEQUENCES:
        fit = fits(arguments[0])
        return lambda value: isinstance(value, tuple | list | AbstractSet) and all(map(fit, value))
    if not isinstance(kind, type):
        return _everything
    isinstance(None, kind)
    return lambda value: isinstance(value, kind)


_NUMBERS = (int, float)  # a tuple is looked through twice as fast as a union


def is_number(value: object) -> bool:
    """Tell whether it is a finite number that counts in ones; a bool is none."""
    return isinstance(value, _NUMBERS) and not isinstance(value, bool) and -LARGEST < value < LARGEST


def _is_path(value: object) -> bool:
    try:
        return isinstance(value, Path | str) and bool(os.fsencode(value))
    except UnicodeEncodeError:
        return False


_PLAIN: Mapping[Any, Fits] = MappingProxyType(
    {
        Any: _everything,
        object: _everything,
        bool: lambda value: isinstance(value, bool),
        str: lambda value: isinstance(value, str) and (value.isascii() or broken_at(value) is None),
        int: lambda value: isinstance(value, int) and not isinstance(value, bool),
        float: is_number,
        Decimal: lambda value: isinstance(value, Decimal) and value.is_finite() and abs(value) < LARGEST,
        Path: _is_path,
    }
)
_MAPPINGS = (dict, Mapping)
_SEQUENCES = (list, tuple, set, frozenset, Sequence, AbstractSet)


def members(kind: Any) -> tuple[Any, ...]:
    """Give the alternatives of a union without None (a file has no null), or the kind alone."""
    if get_origin(kind) in {Union, UnionType}:
        return tuple(member for member in get_args(kind) if member is not type(None))
    return (kind,)


def kind_takes_none(kind: Any) -> bool:
    """Tell whether nothing may stand there."""
    return get_origin(kind) in {Union, UnionType} and type(None) in get_args(kind)


def _parts(value: object, kind: Any) -> Iterator[tuple[object, Any, object]]:
    """Give what stands in a table or a list, with its kind and its place; nothing where the whole does not fit."""
    for member in members(kind):
        origin, arguments = get_origin(member), get_args(member)
        if origin in _MAPPINGS and isinstance(value, Mapping) and arguments:
            for key, item in value.items():
                yield key, arguments[0], key
                yield item, arguments[1], key
        elif origin is tuple and arguments[-1] is not Ellipsis:
            if isinstance(value, tuple | list) and len(value) == len(arguments):
                yield from zip(value, arguments, range(len(arguments)), strict=True)
        elif origin in _SEQUENCES and isinstance(value, tuple | list | AbstractSet):
            yield from ((one, arguments[0], at) for at, one in enumerate(value))


# How it is told


def describe(kind: Any) -> str:
    """Say what may stand there: `a number above 0 or "off"`."""
    *others, last = _alternatives(kind)
    return f"{', '.join(others)} or {last}" if others else last


def _alternatives(kind: Any) -> list[str]:
    if len(members(kind)) > 1:
        return [words for member in members(kind) for words in _alternatives(member)]
    (alone,) = members(kind)
    origin, arguments = get_origin(alone), get_args(alone)
    if origin is Literal:
        return [shown(choice) for choice in arguments]
    if origin is Annotated:
        beside = [str(one) for one in arguments[1:] if isinstance(one, Range | Form)]
        return [" ".join([words, *beside]) for words in _alternatives(arguments[0])]
    if origin is tuple and arguments[-1] is not Ellipsis:
        return [f"a list of {len(arguments)}"]
    if origin in _SEQUENCES:
        return ["a list"]
    named = isinstance(alone, type) and not issubclass(alone, Mapping)
    return [_WORDS.get(alone) or (f"a {alone.__name__}" if named else "a table")]


_WORDS: Mapping[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    bytes: "bytes",
    Decimal: 'an amount such as "0.09"',
    Path: "a path",
}


def choices(kind: Any) -> Iterator[str]:
    """Give every word that may be written there."""
    for member in members(kind):
        if get_origin(member) is Literal:
            yield from (choice for choice in get_args(member) if isinstance(choice, str))
        elif get_origin(member) is Annotated:
            yield from choices(get_args(member)[0])


def _holds_secret(kind: Any) -> bool:
    return kind is Secret or any(map(_holds_secret, get_args(kind)))


# How what is given becomes what is kept; what cannot is kept as it is, for `check` to tell


def money(value: Any) -> Any:
    """Take an amount: a Decimal, or text, int or float by their text."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        with suppress(InvalidOperation, ValueError):  # ValueError: a whole number of thousands of digits
            if (amount := Decimal(str(value))).is_finite():
                return amount
    return value


def as_tuple(values: Any) -> Any:
    """Take a list."""
    return tuple(values) if _is_list(values) else values


def as_set(values: Any) -> Any:
    """Take a list or a set."""
    try:
        return frozenset(values) if _is_list(values) else values
    except TypeError:  # something in it has no hash
        return tuple(values)


NO_ENTRIES: Mapping[Any, Any] = MappingProxyType({})
"""The default of a table."""


def as_table(value: Any) -> Any:
    """Take a mapping, kept from later changes; one whose own code fails is left to the check of its field."""
    if value is NO_ENTRIES:
        return value
    try:
        return MappingProxyType(dict(value)) if isinstance(value, Mapping) else value
    except Exception:  # noqa: BLE001 - anybody's class
        return value


def _is_list(values: object) -> bool:
    return isinstance(values, Iterable) and not isinstance(values, str | bytes | bytearray | memoryview | Mapping)
