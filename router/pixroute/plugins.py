"""Find plugins, keep the broken ones from harming the others, tell what is there.

pluggy's own loader stops at the first import error and skips a duplicate without a word, so the loop is ours. Every
plugin gets a manager of its own: what one raises cannot reach another, and each answer has one owner.
"""

from __future__ import annotations

import inspect
import logging
import os
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

from attrs import define, field, frozen

from pixroute import hookspecs
from pixroute.errors import PluginError
from pixroute.offers import PluginFault, offers_of
from pixroute.provider import RAISED_BY_PLUGINS, ObserverSpec, Provider, ProviderSpec
from pixroute.secret import Secret

DISABLE_VARIABLE = "PIXROUTE_DISABLE_PLUGINS"
_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Plugin:
    """A working plugin and what it offers; `distribution` is None for one given as an object."""

    name: str
    distribution: str | None = None
    version: str | None = None
    summary: str = ""
    providers: tuple[ProviderSpec, ...] = ()
    observers: tuple[ObserverSpec, ...] = ()

    @property
    def provider_types(self) -> tuple[str, ...]:
        """The names that a configuration may give as `type`."""
        return tuple(spec.name for spec in self.providers)


@frozen(kw_only=True)
class BrokenPlugin:
    """A plugin that is left out as a whole, and why."""

    name: str
    distribution: str | None
    why: str

    def __str__(self) -> str:
        return f"plugin {_owner(self)} is broken: {self.why}"


class PluginSource(Protocol):
    """Where a configuration looks for the types that it names: `Plugins`, or `PluginsOnDemand`."""

    @property
    def providers(self) -> Mapping[str, ProviderSpec]:
        """All provider types by name."""
        ...

    @property
    def observers(self) -> Mapping[str, ObserverSpec]:
        """All observers by name."""
        ...

    def provider_type(self, name: str) -> ProviderSpec:
        """Give the provider type of that name, or raise PluginError."""
        ...

    def observer_type(self, name: str) -> ObserverSpec:
        """Give the observer of that name, or raise PluginError."""
        ...


@frozen(kw_only=True)
class Plugins:
    """What was found: `listed` works, `broken` does not, `blocked` was not looked at."""

    listed: tuple[Plugin, ...] = ()
    broken: tuple[BrokenPlugin, ...] = ()
    blocked: frozenset[str] = frozenset()
    providers: Mapping[str, ProviderSpec] = field(init=False)
    observers: Mapping[str, ObserverSpec] = field(init=False)

    @providers.default
    def _providers(self) -> Mapping[str, ProviderSpec]:
        return {spec.name: spec for plugin in self.listed for spec in plugin.providers}

    @observers.default
    def _observers(self) -> Mapping[str, ObserverSpec]:
        return {spec.name: spec for plugin in self.listed for spec in plugin.observers}

    def provider_type(self, name: str) -> ProviderSpec:
        """Give the provider type of that name.

        Raises:
            PluginError: nobody offers it; the text names the nearest one, and every plugin that is broken or blocked.
        """
        if name not in self.providers:
            raise PluginError(self._missing("provider type", name, self.providers))
        return self.providers[name]

    def observer_type(self, name: str) -> ObserverSpec:
        """Give the observer of that name; raises like `provider_type`."""
        if name not in self.observers:
            raise PluginError(self._missing("observer", name, self.observers))
        return self.observers[name]

    def _missing(self, what: str, name: str, known: Iterable[str]) -> str:
        near = get_close_matches(name, known, 1)
        guess = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(sorted(known)) or 'none'}"
        absent = [str(broken) for broken in self.broken]
        absent += [f"plugin {blocked} is blocked" for blocked in sorted(self.blocked)]
        return f"no plugin offers {what} {name!r}; {guess}" + (f" ({'; '.join(absent)})" if absent else "")


def load_plugins(*, blocked: Iterable[str] = (), extra: Iterable[object] = ()) -> Plugins:
    """Load every installed plugin and the `extra` modules or objects, the built-in ones first.

    `blocked` and the environment's PIXROUTE_DISABLE_PLUGINS (names, separated by commas) are not even imported. A
    broken plugin is left out and named once in the log.
    """
    sources = list(_sources(extra))
    unwanted = _blocked({source.name for source in sources}, blocked)
    listed: list[Plugin] = []
    broken: list[BrokenPlugin] = []
    for source in sources:
        if source.name in unwanted:
            continue
        try:
            listed.append(_load(source, listed))
        except RAISED_BY_PLUGINS as error:
            broken.append(BrokenPlugin(name=source.name, distribution=source.distribution, why=_why(error)))
            _log.warning("%s", broken[-1], extra={"plugin": source.name, "why": broken[-1].why})
    return Plugins(listed=tuple(listed), broken=tuple(broken), blocked=unwanted)


@define
class PluginsOnDemand:
    """The installed plugins, of which one of ours is imported only when a configuration names a type of it.

    A plugin of ours is found by its name, with which its types begin. What is not found so is looked for among all, as
    `load_plugins` loads them.
    """

    _whole: Plugins | None = None

    @property
    def whole(self) -> Plugins:
        """All plugins, loaded when they are first needed."""
        if self._whole is None:
            self._whole = load_plugins()
        return self._whole

    @property
    def providers(self) -> Mapping[str, ProviderSpec]:
        """All provider types."""
        return self.whole.providers

    @property
    def observers(self) -> Mapping[str, ObserverSpec]:
        """All observers."""
        return self.whole.observers

    def provider_type(self, name: str) -> ProviderSpec:
        """Give the provider type of that name; raises like `Plugins.provider_type`."""
        plugin = None if self._whole else _ours(name)
        found = next((spec for spec in plugin.providers if spec.name == name), None) if plugin else None
        return found or self.whole.provider_type(name)

    def observer_type(self, name: str) -> ObserverSpec:
        """Give the observer of that name; raises like `Plugins.observer_type`."""
        plugin = None if self._whole else _ours(name)
        found = next((spec for spec in plugin.observers if spec.name == name), None) if plugin else None
        return found or self.whole.observer_type(name)


def _ours(type_: str) -> Plugin | None:
    """Load the plugin of ours that would offer a type; None where none would, or it is blocked or broken."""
    points = (point for point in entry_points(group=hookspecs.PROJECT) if point.dist and point.dist.name == "pixroute")
    named = {point.name: point for point in points if f"{type_}-".startswith(f"{point.name}-")}
    if not named or _disabled() & named.keys():
        return None
    try:
        return _load(_installed(named[max(named, key=len)]), ())
    except RAISED_BY_PLUGINS:
        return None  # it is told when all are loaded


def resolve(create: Callable[..., Any] | str) -> Callable[..., Any]:
    """Give what a spec's `create` names, importing a lazy `"module:Class"`.

    Raises:
        PluginError: it cannot be imported, or is not callable.
    """
    if not isinstance(create, str):
        return create
    try:
        found = pkgutil.resolve_name(create)
    except RAISED_BY_PLUGINS as error:
        raise PluginError(f"{create} cannot be loaded: {_why(error)}") from error
    if not callable(found):
        raise PluginError(f"{create} is not callable")
    return found  # type: ignore[no-any-return]  # what a lazy name leads to is known only now


def sample(spec: ProviderSpec) -> Provider | None:
    """Make a provider as a configuration of nothing but a key would, to be looked at; it is never started.

    None: it needs settings that only its user knows.
    """
    keyed: dict[str, Any] = {"api_key": Secret("none"), "plaintext": "accept", **spec.example}
    try:
        known = {field.name for field in spec.settings.__attrs_attrs__}  # type: ignore[attr-defined]  # of attrs
        settings = spec.settings(**{name: value for name, value in keyed.items() if name in known})
        made: Provider = resolve(spec.create)(spec.name, settings)
    except Exception:  # noqa: BLE001 - a plugin's code may raise anything
        return None
    return made


@frozen(kw_only=True)
class _Source:
    """Where a plugin comes from, before it is imported."""

    name: str
    load: Callable[[], object]
    distribution: str | None = None
    version: str | None = None


def _sources(extra: Iterable[object]) -> Iterator[_Source]:
    """Give the installed plugins, ours first: who comes later cannot take a name away."""
    found = [_installed(point) for point in entry_points(group=hookspecs.PROJECT)]
    yield from sorted(found, key=lambda source: (source.distribution != "pixroute", source.distribution, source.name))
    for plugin in extra:
        yield _Source(name=getattr(plugin, "__name__", type(plugin).__name__), load=partial(_itself, plugin))


def _blocked(found: set[str], names: Iterable[str]) -> frozenset[str]:
    unwanted = {*names, *_disabled()}
    for name in sorted(unwanted - found):
        _log.warning("no plugin is called %s, so none is blocked by that name", name, extra={"plugin": name})
    return frozenset(unwanted & found)


def _disabled() -> set[str]:
    return set(filter(None, map(str.strip, os.environ.get(DISABLE_VARIABLE, "").split(","))))


def _itself(plugin: object) -> object:
    return plugin


def _installed(point: EntryPoint) -> _Source:
    distribution, version = _metadata(point, "Name") or "", _metadata(point, "Version")
    return _Source(name=point.name, load=point.load, distribution=distribution, version=version)


def _metadata(point: EntryPoint, field: str) -> str | None:
    """Read a field of its distribution; an interrupted uninstallation leaves none."""
    metadata = point.dist.metadata if point.dist else None
    return metadata[field] if metadata is not None and field in metadata else None


def _load(source: _Source, earlier: Iterable[Plugin]) -> Plugin:
    for other in earlier:
        if other.name == source.name:
            raise PluginFault(f"its name is taken by {_owner(other)}")
    module = source.load()
    providers, observers = offers_of(module, source.name)
    plugin = Plugin(
        name=source.name,
        distribution=source.distribution,
        version=source.version,
        summary=next(iter((inspect.getdoc(module) or "").splitlines()), ""),
        providers=providers,
        observers=observers,
    )
    _check_taken("provider type", "providers", plugin, earlier)
    _check_taken("observer", "observers", plugin, earlier)
    return plugin


def _check_taken(what: str, specs: str, plugin: Plugin, earlier: Iterable[Plugin]) -> None:
    owners = {spec.name: _owner(other) for other in earlier for spec in getattr(other, specs)}
    for spec in getattr(plugin, specs):
        if spec.name in owners:
            raise PluginFault(f"its {what} {spec.name!r} is taken by {owners[spec.name]}")
        owners[spec.name] = "itself"


def _owner(plugin: Plugin | BrokenPlugin) -> str:
    return f"{plugin.name} (of {plugin.distribution})" if plugin.distribution else plugin.name


def _why(error: BaseException) -> str:
    return str(error) if isinstance(error, PluginFault) else f"{type(error).__name__}: {error}"
