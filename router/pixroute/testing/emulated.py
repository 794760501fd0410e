"""The default chain before an emulator instead of the real upstreams, all times in one scale."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from attrs import evolve

from pixroute.config.load import AnyKey, default_config
from pixroute.config.model import ChainConfig
from pixroute.events import Observer
from pixroute.plugins import PluginsOnDemand
from pixroute.routing.router import Router
from pixroute.testing.emulator import Emulator
from pixroute.testing.rehearsal import Rehearsal, rehearse, rehearsed_router
from pixroute.testing.scaled import scaled, scaled_latency


def default_rehearsal(chains: Mapping[str, Sequence[str]] | None = None) -> Rehearsal:
    """Give the chain that is asked without a configuration, to be played; `chains` of its providers in its place."""
    config = default_config(PluginsOnDemand(), env=AnyKey(), plaintext="accept")
    if chains is not None:
        made = {name: ChainConfig(name=name, steps=tuple(members)) for name, members in chains.items()}
        said = {**config.said, "chains": {name: list(members) for name, members in chains.items()}}
        config = evolve(config, chains=made, said=said)
    return rehearse(config)


@asynccontextmanager
async def emulated_router(
    emulator: Emulator,
    *,
    time_scale: float,
    observers: Mapping[str, Observer] | None = None,
    seed: int | None = None,
    chains: Mapping[str, Sequence[str]] | None = None,
) -> AsyncIterator[Router]:
    """Give a router whose default chain asks a running emulator.

    Args:
        emulator: with `tls`, or all three providers share its plain port.
        time_scale: the emulator's own; above 0.
        observers: as `Router`'s.
        seed: as `Router`'s.
        chains: of the default chain's providers; None: that one alone, as "default".
    """
    rehearsal = default_rehearsal(chains)
    async with rehearsed_router(rehearsal, emulator, scale=time_scale, observers=observers, seed=seed) as router:
        yield router


__all__ = ["default_rehearsal", "emulated_router", "scaled", "scaled_latency"]
