"""The configuration's JSON Schema, made from the classes that read it, for editors that check TOML as it is typed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs

from pixroute.config.model import When
from pixroute.config.reader import SHARED
from pixroute.config.secrets import VARIABLE
from pixroute.config.serve import ServeSettings
from pixroute.config.shared import SharedSettings
from pixroute.config.strict import LatencyTable
from pixroute.group import Group
from pixroute.latency import Latency
from pixroute.plugins import Plugins
from pixroute.policy import Policy
from pixroute.provider import Currency, Price, ProviderSpec
from pixroute.request import RESOLUTIONS
from pixroute.secret import Secret
from pixroute.shared.budgets import Budget
from pixroute.values import Form, Money, Range, field_kinds, members

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ARGUMENT = re.compile(r"^    (\w+(?:, \w+)*): (.+(?:\n {6,}.+)*)", re.MULTILINE)


def json_schema(plugins: Plugins) -> Schema:
    """Give the schema of a configuration file with the types that these plugins offer."""
    providers = [_provider(spec) for spec in plugins.providers.values()]
    observers = {name: schema_of(spec.settings) for name, spec in plugins.observers.items() if spec.settings}
    rule = _object({"when": schema_of(When), "chain": {"type": "string"}}, required=["when", "chain"])
    tables: dict[str, Schema] = {
        "chains": {"type": "object", "minProperties": 1, "additionalProperties": _chain()},
        "rules": {"type": "array", "items": rule},
        "providers": {"type": "object", "additionalProperties": {"oneOf": providers}},
        "policy": schema_of(Policy),
        "observers": _object(dict.fromkeys(plugins.observers, _object({})) | observers),
        "budgets": {"type": "object", "additionalProperties": schema_of(Budget)},
        "shared": schema_of(SharedSettings),
        "serve": schema_of(ServeSettings),
    }
    return {"$schema": DIALECT, "title": "pixroute", **_object(tables, required=["chains", "providers"])}


def schema_of(kind: Any) -> Schema:
    """Give the schema of one type."""
    if len(members(kind)) > 1:
        return {"anyOf": [schema_of(member) for member in members(kind)]}
    (alone,) = members(kind)
    if alone in _PLAIN:
        return _PLAIN[alone]()
    if attrs.has(alone):
        return _class(alone)
    origin, arguments = get_origin(alone), get_args(alone)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is Annotated:
        return schema_of(arguments[0]) | _bounds(arguments[1:])
    if origin in {list, tuple, set, frozenset}:
        return _array(arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {
            "type": "object",
            "propertyNames": schema_of(arguments[0]),
            "additionalProperties": schema_of(arguments[1]),
        }
    return {}


def _provider(spec: ProviderSpec) -> Schema:
    schema = _class(spec.settings)
    schema["properties"] = {"type": {"const": spec.name}} | schema["properties"]
    schema["required"] = ["type", *schema.get("required", [])]
    return schema | ({"title": spec.summary} if spec.summary else {})


def _chain() -> Schema:
    steps = {"anyOf": [{"type": "string"}, schema_of(Group)]}
    names = {"type": "array", "items": steps, "minItems": 1, "uniqueItems": True}
    policy = {name: schema for name, schema in _class(Policy)["properties"].items() if name not in SHARED}
    return {"anyOf": [names, _object({"providers": names, **policy}, required=["providers"])]}


def _class(cls: type) -> Schema:
    words = _descriptions(cls)
    properties: dict[str, Schema] = {}
    required: list[str] = []
    fields = {one.name: one for one in attrs.fields(cls)}
    for name, kind in field_kinds(cls).items():
        default = fields[name].default
        properties[name] = schema_of(kind)
        if name in words:
            properties[name] = {**properties[name], "description": words[name]}
        if isinstance(default, str | int | float):
            properties[name] = {**properties[name], "default": default}
        if default is attrs.NOTHING:
            required.append(name)
    return _object(properties, required=required)


def _descriptions(cls: type) -> dict[str, str]:
    """Read what the `Args:` of a class and its bases say of each field."""
    words: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        for names, text in _ARGUMENT.findall(inspect.cleandoc(vars(base).get("__doc__") or "")):
            words |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return words


def _object(properties: Mapping[str, Schema], *, required: list[str] | None = None) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return schema | ({"required": required} if required else {})


def _array(arguments: tuple[Any, ...]) -> Schema:
    if len(arguments) == 1 or arguments[-1] is Ellipsis:
        return {"type": "array", "items": schema_of(arguments[0])}
    count = len(arguments)
    return {"type": "array", "prefixItems": list(map(schema_of, arguments)), "minItems": count, "maxItems": count}


def _bounds(beside: tuple[Any, ...]) -> Schema:
    bounds: Schema = {}
    for one in beside:
        if isinstance(one, Form):
            bounds["pattern"] = f"^{one.pattern}$"
        if isinstance(one, Range):
            bounds["exclusiveMinimum" if one.above else "minimum"] = one.low
            if one.high < float("inf"):
                bounds["maximum"] = one.high
    return bounds


def _price() -> Schema:
    amounts: dict[str, Schema] = {resolution: schema_of(Money) for resolution in RESOLUTIONS}
    return _object({**amounts, "currency": schema_of(Currency) | {"default": "USD"}})


def _secret() -> Schema:
    env, file = {"env": {"type": "string", "pattern": VARIABLE.pattern}}, {"file": {"type": "string"}}
    return {"oneOf": [_object(env, required=["env"]), _object(file, required=["file"])]}


_PLAIN: Mapping[Any, Callable[[], Schema]] = {
    str: lambda: {"type": "string"},
    int: lambda: {"type": "integer"},
    float: lambda: {"type": "number"},
    bool: lambda: {"type": "boolean"},
    Decimal: lambda: {"type": ["number", "string"]},
    Path: lambda: {"type": "string"},
    Secret: _secret,
    Price: _price,
    Latency: lambda: schema_of(LatencyTable),
}
