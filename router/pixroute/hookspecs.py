"""The two hooks of a plugin; both synchronous, both without I/O, both return specs."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from pixroute.provider import ObserverSpec, ProviderSpec

PROJECT = "pixroute"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def pixroute_providers() -> Iterable[ProviderSpec]:
    """Offer provider types.

    Called once, when plugins are loaded. Each spec is named like the `type` that a configuration gives; a name that
    is taken makes this plugin broken and names both owners.
    """
    return ()


@hookspec
def pixroute_observers() -> Iterable[ObserverSpec]:
    """Offer observers of events.

    Called once, when plugins are loaded; an observer is created only for a configuration that names it, so an
    installed package sees nothing unasked.
    """
    return ()
