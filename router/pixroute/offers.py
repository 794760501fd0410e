"""What one plugin offers, or what is wrong with it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_type_hints

import pluggy

from pixroute import hookspecs
from pixroute.provider import ObserverSpec, ProviderSettings, ProviderSpec

_LAZY = re.compile(r"[\w.]+:[\w.]+")


class PluginFault(Exception):
    """What is wrong with a plugin, said of it."""


def offers_of(module: object, name: str) -> tuple[tuple[ProviderSpec, ...], tuple[ObserverSpec, ...]]:
    """Call both hooks of one plugin and check what they give.

    Raises:
        Fault: what is wrong with it; or whatever the plugin itself raises.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(module, name)
    _check_hooks(manager, module)
    providers = tuple(_specs(manager.hook.pixroute_providers, ProviderSpec))
    observers = tuple(_specs(manager.hook.pixroute_observers, ObserverSpec))
    for provider in providers:
        _check_provider(provider)
    for observer in observers:
        _check_observer(observer)
    return providers, observers


def _check_hooks(manager: pluggy.PluginManager, module: object) -> None:
    callers = manager.get_hookcallers(module) or []
    if not callers:
        raise PluginFault("it offers nothing: no function of it is marked @hookimpl")
    for caller in callers:
        if not caller.has_spec():
            near = get_close_matches(caller.name, ["pixroute_providers", "pixroute_observers"], 1)
            raise PluginFault(f"there is no hook {caller.name}" + (f"; did you mean {near[0]}?" if near else ""))
        function = caller.get_hookimpls()[0].function
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise PluginFault(f"{caller.name} is async; hooks are called without a loop")


def _specs(hook: pluggy.HookCaller, kind: type) -> Iterator[Any]:
    for implementation in hook.get_hookimpls():
        answer: object = implementation.function()  # calling the hook itself would drop None silently
        if not isinstance(answer, Iterable) or isinstance(answer, str):
            raise PluginFault(f"{hook.name} gave {_a(answer)}, not a list of {kind.__name__}")
        for spec in answer:
            if not isinstance(spec, kind):
                raise PluginFault(f"{hook.name} gave {_a(spec)} among its {kind.__name__}s")
            yield spec


def _check_provider(spec: ProviderSpec) -> None:
    _check_name(spec.name)
    if spec.lazy_settings is None:
        _check_settings(spec.name, spec.settings, ProviderSettings)
    elif not _LAZY.fullmatch(spec.lazy_settings):
        raise PluginFault(f"settings of {spec.name!r} are {spec.lazy_settings!r}, not a class or module:Class")
    _check_create(spec.name, spec.create, "name", "settings")


def _check_observer(spec: ObserverSpec) -> None:
    _check_name(spec.name)
    if spec.settings is not None:
        _check_settings(spec.name, spec.settings, object)
    _check_create(spec.name, spec.create, "settings")


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise PluginFault(f"a spec's name is {name!r}, not text")


def _check_settings(name: str, settings: object, base: type) -> None:
    """Refuse a class that could not be read from a configuration; attrs adds nothing to an undecorated subclass."""
    what = f"settings of {name!r}: {getattr(settings, '__qualname__', repr(settings))}"
    if not isinstance(settings, type) or not issubclass(settings, base):
        raise PluginFault(f"{what} does not extend {base.__name__}")
    if "__attrs_attrs__" not in vars(settings) or settings.__setattr__ is not ProviderSettings.__setattr__:
        raise PluginFault(f"{what} is not decorated with attrs.frozen")
    get_type_hints(settings)


def _check_create(name: str, create: object, *arguments: str) -> None:
    if isinstance(create, str):
        if not _LAZY.fullmatch(create):
            raise PluginFault(f"create of {name!r} is {create!r}, not module:Class")
        return
    if not callable(create):
        raise PluginFault(f"create of {name!r} is {_a(create)}, neither callable nor text")
    try:
        inspect.signature(create).bind(*arguments)
    except TypeError as error:
        raise PluginFault(f"create of {name!r} cannot be called with ({', '.join(arguments)}): {error}") from error


def _a(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
