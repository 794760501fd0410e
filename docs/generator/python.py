"""The pages on the Python API: what services, authors of plugins and their tests import."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Iterable
from importlib import import_module
from typing import Any, is_typeddict

import attrs

from generator.markdown import Lines
from pixroute.routing.operations import Operations
from pixroute.values import check, describe, field_kinds

_SECTION = re.compile(r"^(Args|Raises|Returns|Yields):$", re.MULTILINE)
_HEADS = {"Args": "", "Raises": "Raises", "Returns": "Gives", "Yields": "Gives one after the other"}

SERVICES = {
    "Routers": ("pixroute.routing.router:Router", "pixroute.blocking:Router"),
    "Requests": ("pixroute.request:ImageRequest", "pixroute.request:Size", "pixroute.request:Reference"),
    "What one request may say of policy": ("pixroute.policy:Overrides",),
    "Results": (
        "pixroute.result:ImageResult",
        "pixroute.result:Image",
        "pixroute.result:Adjustment",
        "pixroute.result:Missing",
        "pixroute.cost:Cost",
        "pixroute.routing.record:Record",
        "pixroute.routing.record:AttemptRecord",
        "pixroute.routing.record:Drawn",
    ),
    "Failures": (
        "pixroute.outcome:Failure",
        "pixroute.outcome:FailureKind",
        "pixroute.outcome:Blame",
        "pixroute.outcome:Stage",
        "pixroute.outcome:Billing",
    ),
    "Errors": (
        "pixroute.errors:PixrouteError",
        "pixroute.errors:RequestFailed",
        "pixroute.errors:AllProvidersFailed",
        "pixroute.errors:Moderated",
        "pixroute.errors:InvalidRequest",
        "pixroute.errors:DeadlineInfeasible",
        "pixroute.errors:BudgetExceeded",
        "pixroute.errors:InternalError",
        "pixroute.errors:ShuttingDown",
        "pixroute.errors:ConfigError",
    ),
    "Policy": ("pixroute.policy:Policy", "pixroute.policy:RetryPolicy", "pixroute.policy:BreakerPolicy"),
    "Groups": ("pixroute.group:Group",),
}
_WIRE = ("HttpProvider", "HttpSettings", "Call", "Part", "Reply", "Blob", "Item", "Picture", "Details", "Auth")
_JOBS = ("JobProvider", "JobSettings", "Job", "Progress", "Queued", "Running", "Finished")
AUTHORS = {
    "What a plugin offers": (
        "pixroute.hookspecs:hookimpl",
        "pixroute.provider:ProviderSpec",
        "pixroute.provider:ObserverSpec",
    ),
    "A provider": (
        "pixroute.provider:Provider",
        "pixroute.provider:ProviderSettings",
        "pixroute.provider:Capabilities",
        "pixroute.provider:Price",
        "pixroute.latency:Latency",
        "pixroute.latency:Quantiles",
        "pixroute.provider:AttemptContext",
    ),
    "Over HTTP": tuple(f"pixroute.http:{name}" for name in _WIRE),
    "Jobs": tuple(f"pixroute.http:{name}" for name in _JOBS),
    "Reading answers": ("pixroute.http:failure_from", "pixroute.http:declined", "pixroute.http:amount_of"),
    "Keys that end": ("pixroute.http:Tokens", "pixroute.http:Token", "pixroute.http:NoSecret"),
    "Two routes to one model": ("pixroute.http:TwoRoutes",),
}
TESTS = {
    "A router of scripted providers": tuple(
        f"pixroute.testing:{name}"
        for name in ("fake_router", "FakeProvider", "FakeCall", "Act", "picture", "fail", "silence")
    ),
    "Virtual time": ("pixroute.testing:run_virtual",),
    "An emulator of the upstreams": ("pixroute.testing.emulator:Emulator",),
    "A provider's contract": ("pixroute.testing.conformance.kit:ProviderConformance",),
    "What must always hold": ("pixroute.testing.invariants:Invariants",),
}


def python_pages() -> dict[str, Lines]:
    """Give the pages by their path."""
    return {
        "reference/python.md": _page("Python API", "What a service imports.", SERVICES),
        "reference/authors.md": _page("API for authors of plugins", "What a plugin imports.", AUTHORS),
        "reference/testing.md": _page("API for tests", "What tests of services and of plugins import.", TESTS),
    }


def documented() -> set[str]:
    """Name everything that a page describes."""
    return {path.split(":")[1] for part in (SERVICES, AUTHORS, TESTS) for paths in part.values() for path in paths}


def _page(title: str, about: str, parts: dict[str, tuple[str, ...]]) -> Lines:
    yield f"# {title}\n"
    yield about
    for head, paths in parts.items():
        yield f"\n## {head}"
        for path in paths:
            module, name = path.split(":")
            yield from _thing(getattr(import_module(module), name), _shown(module, name))


def _shown(module: str, name: str) -> str:
    """Give the name as it is imported: from the shortest public package that has it."""
    for public in ("pixroute", "pixroute.http", "pixroute.testing"):
        if module != "pixroute.blocking" and name in getattr(import_module(public), "__all__", ()):
            return f"{public}.{name}"
    return f"{module}.{name}"


def _thing(thing: Any, name: str) -> Lines:
    yield f"\n### {name}\n"
    if not inspect.isclass(thing) and not inspect.isroutine(thing):
        yield "Marks a hook of a plugin." if name.endswith("hookimpl") else f"Any of `{_kind(thing)}`."
        return
    if inspect.isroutine(thing):
        yield from _signature(name.rpartition(".")[2], thing)
        yield from _told(thing)
        return
    yield from _told(thing)
    if is_typeddict(thing):
        yield from _typed(thing)
    elif issubclass(thing, enum.Enum):
        yield "\n" + ", ".join(f"`{member.name}`" for member in thing) + "."
    elif attrs.has(thing):
        yield from _fields(thing)
    yield from _members(thing)


def _typed(thing: type) -> Lines:
    yield ""
    yield from (f"* `{name}`: `{_kind(kind)}`" for name, kind in thing.__annotations__.items())


def _fields(thing: type) -> Lines:
    rows = [field for field in attrs.fields(thing) if field.init and not field.name.startswith("_")]
    # As they are written: whoever resolves a class changes the types of its fields.
    written = {
        name: kind for one in reversed(thing.__mro__) for name, kind in vars(one).get("__annotations__", {}).items()
    }
    kinds = field_kinds(thing) if getattr(thing, "__attrs_post_init__", None) is check else {}
    if rows:
        yield "\nFields:\n"
    for field in rows:
        kind = describe(kinds[field.name]) if field.name in kinds else f"`{_kind(written.get(field.name, field.type))}`"
        yield f"* `{field.name}`: {kind}{_default(field.default)}"


def _default(default: Any) -> str:
    if default is attrs.NOTHING:
        return "; required"
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return ""
    return f"; `{default.value!r}`" if isinstance(default, enum.Enum) else f"; `{default!r}`"


def _members(thing: type) -> Lines:
    own = [thing, *(base for base in thing.__bases__ if base is Operations)]  # a part of Router, shown with it
    for name, member in ((name, member) for one in own for name, member in vars(one).items()):
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield f"\n**{name}** (property): {' '.join(_text(member).split())}"
        elif isinstance(member, staticmethod | classmethod) or inspect.isfunction(member):
            function = getattr(thing, name)
            if not _text(function):
                continue
            yield f"\n#### {thing.__name__}.{name}\n"
            yield from _signature(name, function)
            yield from _told(function)


def _signature(name: str, function: Any) -> Lines:
    word = "async " if inspect.iscoroutinefunction(function) else ""
    parameters = [one for one in inspect.signature(function).parameters.values() if one.name != "self"]
    lines = list(_parameters(parameters))
    result = inspect.signature(function).return_annotation
    ends = "" if result is inspect.Signature.empty else f" -> {_kind(result)}"
    one = f"{word}{name}({', '.join(lines)}){ends}"
    yield "```text"
    yield one if len(one) <= 80 else f"{word}{name}(\n" + "".join(f"    {line},\n" for line in lines) + f"){ends}"
    yield "```\n"


def _parameters(parameters: Iterable[inspect.Parameter]) -> Iterable[str]:
    starred = False
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        starred = starred or one.kind is one.VAR_POSITIONAL
        marks = "*" if one.kind is one.VAR_POSITIONAL else "**" if one.kind is one.VAR_KEYWORD else ""
        kind = "" if one.annotation is one.empty else f": {_kind(one.annotation)}"
        default = "" if one.default is one.empty else f" = {one.default!r}"
        yield f"{marks}{one.name}{kind}{default}"


def _kind(kind: Any) -> str:
    """Write a type as it stands in the source, or as it would."""
    text = kind if isinstance(kind, str) else inspect.formatannotation(kind)
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", text)


def _text(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


def _told(thing: Any) -> Lines:
    """Write a docstring: its words, and each section as a list."""
    first, *rest = _SECTION.split(_text(thing))
    yield first.strip()
    for head, body in zip(rest[::2], rest[1::2], strict=True):
        yield f"\n{_HEADS[head]}:\n" if _HEADS[head] else ""
        entries, _, after = inspect.cleandoc("\n" + body).partition("\n\n")
        yield from (_entry(entry) for entry in re.split(r"\n(?=\S)", entries))
        if after:
            yield f"\n{inspect.cleandoc(after)}"


def _entry(text: str) -> str:
    text = " ".join(text.split())
    names, colon, words = text.partition(": ")
    if not colon or " " in names.replace(", ", ""):
        return f"* {text}"
    return "* " + ", ".join(f"`{name}`" for name in names.split(", ")) + f": {words}"
