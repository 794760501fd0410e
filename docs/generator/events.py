"""The pages on events and hooks."""

from __future__ import annotations

import inspect
from typing import Any

import attrs

from generator.markdown import Lines, sentence
from pixroute import events, hookspecs
from pixroute.config import schema
from pixroute.provider import ObserverSpec, ProviderSpec


def event_page() -> Lines:
    """Describe every event."""
    yield "# Events\n"
    yield f"{sentence(events)} `at` is the loop's time in seconds; `request` and `attempt` are ids; `part` counts from"
    yield "0 among the parts of a request for several pictures. `chain` is the chain's name, `tags` are the caller's."
    yield "`pixroute.events.as_json(event)` gives any as JSON holds it: stages and kinds as words, money as text.\n"
    yield 'An observer is any callable that takes an event, given as `Router(observers={"name": callable})` or'
    yield "offered by a plugin ([hooks](hooks.md)). It is called on the router's loop and must not block; what it"
    yield "raises is named once in the log and never touches the request. It may have three more attributes:\n"
    yield "* `before`, called with `AttemptStarted` before the attempt takes a place: an `OSError` keeps it back;"
    yield "* `traceparent`, called with an attempt's id: the W3C header of its span, or None;"
    yield "* `close`, called once, without arguments, when the router closes or a reload leaves it out."
    for cls in event_classes():
        yield f"\n## {cls.__name__}\n"
        yield inspect.cleandoc(cls.__doc__ or "") + "\n"
        yield from (f"* `{field.name}`: `{field.type}`" for field in attrs.fields(cls))


def event_classes() -> list[type]:
    """Give the classes of events, in the order of their module."""
    found = [cls for _, cls in inspect.getmembers(events, attrs.has) if cls.__module__ == events.__name__]
    return sorted((cls for cls in found if cls is not events.Event), key=lambda cls: inspect.getsourcelines(cls)[1])


def hooks() -> Lines:
    """Describe the hooks and the specs they return."""
    yield "# Hooks\n"
    yield "A plugin is a module named by an entry point in the group `pixroute`. It offers what it has by one or both"
    yield "of two functions marked `@pixroute.hookimpl`. Both are synchronous, do no I/O and return a list. A plugin"
    yield "that raises, is `async`, or misspells a hook is left out and named; it harms no other."
    for name, hook in hook_functions().items():
        yield f"\n## {name}\n"
        yield f"```text\n{name}{inspect.signature(hook)}\n```\n"
        yield inspect.cleandoc(hook.__doc__ or "")
    for spec in (ProviderSpec, ObserverSpec):
        yield f"\n## {spec.__name__}\n"
        yield sentence(spec) + "\n"
        words = schema._descriptions(spec)  # noqa: SLF001 - what the schema reads of docstrings
        yield from (f"* `{field.name}`: {words.get(field.name, f'`{field.type}`')}" for field in attrs.fields(spec))


def hook_functions() -> dict[str, Any]:
    """Give the hooks by name."""
    found = inspect.getmembers(hookspecs, inspect.isfunction)
    return {name: function for name, function in found if name.startswith("pixroute_")}
