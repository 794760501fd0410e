"""The page on the configuration file."""

from __future__ import annotations

from collections.abc import Container, Mapping
from decimal import Decimal
from typing import Any

import attrs

from generator.markdown import Lines, sentence, table
from generator.words import WRITTEN
from pixroute.config import schema
from pixroute.config.model import When
from pixroute.config.reader import SHARED
from pixroute.config.serve import ServeSettings
from pixroute.config.shared import SharedSettings
from pixroute.group import Group
from pixroute.http import HttpSettings
from pixroute.ledger import Ledger, LedgerSettings
from pixroute.plugins import Plugins
from pixroute.policy import BreakerPolicy, Policy, RetryPolicy
from pixroute.provider import ProviderSettings
from pixroute.shared.budgets import Budget, Covers
from pixroute.values import describe, field_kinds, members


def configuration(plugins: Plugins) -> Lines:
    """Describe every table of the file and every option."""
    yield "# Configuration\n"
    yield "A TOML file with the tables `[chains]`, `[providers.NAME]`, `[policy]`, `[[rules]]`, `[observers.NAME]`,"
    yield "`[budgets.NAME]`, `[shared]` and `[serve]`."
    yield "All mistakes are told at once, each with its path. What a request says goes before its provider's table,"
    yield "that before its chain's, that before `[policy]`. Times are seconds; a resolution is `1K`, `2K`, `4K`"
    yield "or `other`."
    yield "\n## `[chains]`\n"
    yield "`NAME = [providers in order]`, or a table with `providers` and any option of `[policy]`, except:\n"
    yield from (f"* `{name}`: {why}." for name, why in SHARED.items())
    yield "\nA provider may stand for a group of them ([Several keys for one thing](../groups.md)), a table with:\n"
    yield from options(Group)
    yield "\nThe chain named `default` (or the only one) serves what no rule sends elsewhere."
    yield "\n## `[[rules]]`\n"
    yield "`chain` names the chain of the requests that `when` matches; the first match counts. `when` may say:\n"
    yield from options(When)
    for path, cls in (("policy", Policy), ("policy.retry", RetryPolicy), ("policy.breaker", BreakerPolicy)):
        yield f"\n## `[{path}]`\n"
        yield from options(cls)
    yield from _providers(plugins)
    yield "\n## `[observers.ledger]`\n"
    yield sentence(Ledger) + "\n"
    yield from options(LedgerSettings, documented_by=Ledger)
    for name, spec in sorted(plugins.observers.items()):
        if name != "ledger" and spec.settings is not None:
            yield f"\n## `[observers.{name}]`\n"
            yield f"It offers {spec.summary}; `pip install 'pixroute[{name}]'`.\n"
            yield from options(spec.settings)
    yield "\n## `[budgets.NAME]`\n"
    yield sentence(Budget) + " See [budgets](../budgets.md).\n"
    yield from options(Budget)
    yield "\n`when` may say:\n"
    yield from options(Covers)
    yield "\n## `[shared]`\n"
    yield sentence(SharedSettings) + "\n"
    yield from options(SharedSettings)
    yield "\n## `[serve]`\n"
    yield sentence(ServeSettings) + "\n"
    yield from options(ServeSettings)


def _providers(plugins: Plugins) -> Lines:
    yield "\n## `[providers.NAME]`\n"
    yield "`type` names the provider type. Every type has:\n"
    yield from options(ProviderSettings)
    yield "\nEvery type that speaks HTTP also has:\n"
    yield from options(HttpSettings, without=field_kinds(ProviderSettings))
    for spec in plugins.providers.values():
        yield f'\n### `type = "{spec.name}"`\n'
        yield f"{spec.summary}.\n"
        shared = field_kinds(HttpSettings).keys() - {"base_url", "model"}
        yield from options(spec.settings, without=shared)


def options(cls: type, *, documented_by: type | None = None, without: Container[str] = ()) -> Lines:
    """Give a table of the options of a class."""
    words = schema._descriptions(documented_by or cls)  # noqa: SLF001 - what the schema reads of docstrings
    fields = {field.name: field for field in attrs.fields(cls)}
    kinds = field_kinds(cls)
    names = [name for name in kinds if name not in without]
    rows = ((f"`{name}`", may_be(kinds[name]), default(fields[name], cls), told(name, words)) for name in names)
    yield from table(("option", "may be", "default", "meaning"), rows)


def told(name: str, words: Mapping[str, str]) -> str:
    """Give an option's meaning, or the option whose meaning speaks of it."""
    if name in words:
        return words[name]
    if name in {"retry", "breaker"}:
        return f"see `[policy.{name}]`"
    return f"see `{next(other for other, text in words.items() if name in text)}`"


def may_be(kind: Any) -> str:
    """Say what may stand there."""
    (alone, *others) = members(kind)
    if not others and (alone in WRITTEN or attrs.has(alone)):
        return WRITTEN.get(alone, "a table")
    return describe(kind)


def default(field: attrs.Attribute[Any], cls: type) -> str:
    """Write a default as TOML has it; "–" where there is none."""
    if field.default is attrs.NOTHING:
        return "required"
    made = isinstance(field.default, attrs.Factory)  # type: ignore[arg-type]  # a class, though typed as a function
    value = _made(field, cls) if made else field.default
    if value is None or attrs.has(type(value)) or value in ({}, (), frozenset(), ""):
        return "–"
    return f"`{toml(value)}`"


def _made(field: attrs.Attribute[Any], cls: type) -> Any:
    """Give what a class puts where nothing is said; what a factory makes where it cannot be made of nothing."""
    required = any(one.default is attrs.NOTHING for one in attrs.fields(cls))
    return field.default.factory() if required else getattr(cls(), field.name)  # type: ignore[union-attr]


def toml(value: Any) -> str:
    """Write a plain value as TOML."""
    match value:
        case bool():
            return str(value).lower()
        case str() | Decimal():
            return f'"{value}"'
        case Mapping():
            return "{ " + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + " }"
        case tuple():
            return f"[{', '.join(map(toml, value))}]"
        case float():
            return f"{value:g}"
    return str(value)
