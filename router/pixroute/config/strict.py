"""cattrs made strict: a value is read as what it is or refused, and every mistake has its path.

cattrs by itself reads "abc" as a list of letters, true as 1.0 and 5 as "5".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from contextvars import ContextVar
from decimal import Decimal
from functools import lru_cache, partial
from itertools import repeat
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import (
    AttributeValidationNote,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, override

from pixroute.config.secrets import SecretReader
from pixroute.errors import Problem
from pixroute.latency import Latency, Quantiles
from pixroute.provider import Currency, Price
from pixroute.request import Resolution
from pixroute.secret import Secret
from pixroute.values import Above0, Mistake, Money, field_kinds, fits, members, mistake, money, sentence
from pixroute.words import join, shown, unknown_key

LatencyTable = Mapping[Resolution, tuple[Above0, Above0, Above0]]
_MOST_UNKNOWN = 20
"""Names unknown in one table that are told one by one."""
_READING: ContextVar[Converter] = ContextVar("_READING")
"""The converter that reads now."""


def strict_converter(*, base: Path, env: Mapping[str, str], clear_keys: bool = False) -> Converter:
    """Make a converter that reads secrets from `env` and files relative to `base`."""
    secrets = SecretReader(base=base, env=env, clear_keys=clear_keys)
    converter = Converter(forbid_extra_keys=True)
    for kind in (str, int, float, bool, Decimal):
        converter.register_structure_hook(kind, _scalar)
    converter.register_structure_hook(Path, lambda value, _: base / _scalar(value, Path))
    converter.register_structure_hook(Secret, lambda value, _: secrets.read(value))
    converter.register_structure_hook_factory(attrs.has, partial(_class_hook, converter))
    for origins, read in _BY_ORIGIN.items():
        converter.register_structure_hook_func(partial(_has_origin, origins), partial(read, converter))
    converter.register_structure_hook(Price, partial(_price, converter))
    converter.register_structure_hook(Latency, partial(_latency, converter))
    return converter


def problems_of(error: BaseException, path: str, also: tuple[str, ...] = ()) -> Iterator[Problem]:
    """Give the mistakes in a tree of errors, each under its path; `also` is known beside the class's own fields."""
    if isinstance(error, ForbiddenExtraKeysError):
        known = [*also, *field_kinds(error.cl)]
        yield from unknown_keys(path, error.extra_fields, known)
    elif isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            step = _step(inner)
            yield from problems_of(inner, path, also) if step is None else problems_of(inner, join(path, step))
    elif isinstance(error, Mistake):
        yield Problem(f"{path}.{error.path}" if path and error.path else path or error.path, error.message)
    elif isinstance(error, KeyError) and _step(error) is not None:
        yield Problem(path, "is missing")
    else:
        yield Problem(path, str(error) or type(error).__name__)


def unknown_keys(path: str, keys: Iterable[object], known: Sequence[str]) -> Iterator[Problem]:
    """Tell of each key that nothing is called so, of very many only of the first."""
    unknown = sorted(keys, key=str)
    for key in unknown[:_MOST_UNKNOWN]:
        yield Problem(join(path, key), unknown_key(key, known))
    if (more := len(unknown) - _MOST_UNKNOWN) > 0:
        yield Problem(path, f"holds {more:,} more names that are not known here")


def _step(error: BaseException) -> object:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return note.name
        if isinstance(note, IterableValidationNote):
            return note.index
    return None


def _scalar(value: object, kind: type) -> Any:
    read: Any = money(value) if kind is Decimal else value
    if not fits(kind)(read):
        raise Mistake(sentence(value, kind))
    return float(read) if kind is float else read


def _literal(_: Converter, value: object, kind: Any) -> object:
    if not fits(kind)(value):
        raise Mistake(sentence(value, kind))
    return value


def _annotated(converter: Converter, value: object, kind: Any) -> object:
    """Read the plain type, then hold it against what stands beside it."""
    with suppress(ValueError):
        found = converter.structure(value, get_args(kind)[0])
        if fits(kind)(found):
            return found
    raise Mistake(sentence(value, kind))


def _union(converter: Converter, value: object, kind: Any) -> object:
    """Read as the first alternative that fits; where one of them fits in shape, its mistakes are the ones to tell."""
    if value is None and type(None) in get_args(kind):
        return None
    wrong: list[Exception] = []
    for member in members(kind):
        try:
            return converter.structure(value, member)
        except (ValueError, ExceptionGroup) as error:
            wrong.append(error)
    inside = [error for error in wrong if isinstance(error, ExceptionGroup)]
    raise (inside or wrong)[0] if inside or len(wrong) == 1 else Mistake(sentence(value, kind))


def _mapping(converter: Converter, value: object, kind: Any) -> Mapping[Any, Any]:
    key_kind, item_kind = get_args(kind) or (str, Any)
    if not isinstance(value, Mapping):
        raise Mistake(sentence(value, kind))
    entries = [(key, key, key_kind) for key in value] + [(key, item, item_kind) for key, item in value.items()]
    found = _each(converter, kind, entries)
    return MappingProxyType(dict(zip(found[: len(value)], found[len(value) :], strict=True)))


def _sequence(converter: Converter, value: object, kind: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if not isinstance(value, list | tuple):
        raise Mistake(sentence(value, kind))
    if origin is tuple and arguments[-1] is not Ellipsis:
        if len(value) != len(arguments):
            raise Mistake(f"is a list of {len(value)}, not of {len(arguments)}")
        kinds: Iterable[Any] = arguments
    else:
        kinds = repeat(arguments[0], len(value))
    found = _each(converter, kind, [(at, item, one) for at, (item, one) in enumerate(zip(value, kinds, strict=True))])
    return (origin if origin in {list, set, frozenset} else tuple)(found)


def _each(converter: Converter, whole: Any, entries: Iterable[tuple[object, object, Any]]) -> list[Any]:
    """Read (key, value, type) triples, all mistakes together, each noted under its key."""
    found, wrong = [], []
    for key, value, kind in entries:
        try:
            found.append(converter.structure(value, kind))
        except Exception as error:  # noqa: BLE001 - a plugin's own class may raise anything
            error.add_note(IterableValidationNote("", key if isinstance(key, int) else str(key), kind))
            wrong.append(error)
    if wrong:
        raise IterableValidationError("", wrong, whole)
    return found


def _class_hook(converter: Converter, cls: type) -> Callable[[object, Any], Any]:
    read = _reader(cls)

    def checked(value: object, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Mistake(f"must be a table, not {'text' if isinstance(value, str) else shown(value)}")
        before = _READING.set(converter)
        try:
            return read(value, cls)
        finally:
            _READING.reset(before)

    return checked


@lru_cache(maxsize=256)
def _reader(cls: type) -> Callable[[Mapping[Any, Any], type], Any]:
    """Write the function that reads a class, once: that takes longer than all readings by it."""

    def field(kind: Any) -> Any:
        return override(struct_hook=lambda value, _: _READING.get().structure(value, kind))

    fields = {name: field(kind) for name, kind in field_kinds(cls).items()}
    return make_dict_structure_fn(cls, Converter(), _cattrs_forbid_extra_keys=True, **fields)


def _price(converter: Converter, value: object, _: Any) -> Price:
    """Read `{ "4K" = "0.09", currency = "USD" }`."""
    if not isinstance(value, Mapping):
        raise Mistake('is not a table such as { "4K" = "0.09", currency = "USD" }')
    amounts = {key: amount for key, amount in value.items() if key != "currency"}
    table = _mapping(converter, amounts, Mapping[Resolution, Money])
    currency = value.get("currency", "USD")
    if not fits(Currency)(currency):
        raise mistake(currency, Currency, "currency")
    if not amounts:
        raise Mistake("names no price")
    return Price(amounts=table, currency=currency, source="configuration")


def _latency(converter: Converter, value: object, _: Any) -> Latency:
    """Read `{ "4K" = [50, 120, 150] }`."""
    table = {key: Quantiles(*times) for key, times in _mapping(converter, value, LatencyTable).items()}
    try:
        return Latency(table=table, source="configuration")
    except Mistake as error:
        raise Mistake(error.message, error.path.removeprefix("table.")) from None


def _has_origin(origins: Sequence[Any], kind: Any) -> bool:
    return get_origin(kind) in origins


_BY_ORIGIN: Mapping[tuple[Any, ...], Callable[[Converter, object, Any], Any]] = {
    (Literal,): _literal,
    (Annotated,): _annotated,
    (Union, UnionType): _union,
    (dict, Mapping, MutableMapping): _mapping,
    (list, tuple, set, frozenset, Sequence, AbstractSet): _sequence,
}
