"""The default chain before an emulator instead of the real upstreams, all times in one scale."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve, frozen

from pixroute.events import Observer
from pixroute.latency import Latency, Quantiles
from pixroute.plugins import load_plugins, resolve
from pixroute.policy import Policy
from pixroute.provider import Provider, ProviderSpec
from pixroute.routing.router import Router
from pixroute.secret import Secret
from pixroute.testing.emulator import Emulator

OWN_WORK = 1.0
"""Seconds that a busy machine may need to paint, send and check a picture, lest it look like a slow upstream."""
_BREAKER_TIMES = ("failures_within", "window", "open_for", "max_open", "max_open_refused", "reset_after", "max_hint")


@frozen(kw_only=True)
class EmulatedPlace:
    """Where a provider of the default chain finds its upstream: which listener, and what follows it."""

    type: str
    tls: bool
    path: str = ""

    def base_url(self, emulator: Emulator) -> str:
        """Give its address at an emulator; without TLS there, at the plain port."""
        return ((self.tls and emulator.https_url) or emulator.http_url) + self.path


DEFAULT_CHAIN: Mapping[str, EmulatedPlace] = {
    "banana-http": EmulatedPlace(type="nano-banana-pro-http", tls=False),
    "banana-https": EmulatedPlace(type="nano-banana-pro-https", tls=True),
    "seedream": EmulatedPlace(type="seedream", tls=True, path="/v1"),
}
"""The first chain, in order."""


def scaled(policy: Policy, scale: float) -> Policy:
    """Shorten (or stretch) what waits for upstreams; what is spent on this machine, such as connecting, stays."""
    retry, breaker = policy.retry, policy.breaker
    return evolve(
        policy,
        attempt_timeout={resolution: seconds * scale for resolution, seconds in policy.attempt_timeout.items()},
        reserve_extra=policy.reserve_extra * scale,
        timeout=None if policy.timeout is None else policy.timeout * scale,
        give_up_after=policy.give_up_after if isinstance(policy.give_up_after, str) else policy.give_up_after * scale,
        retry=evolve(
            retry,
            max_delay=retry.max_delay * scale,
            rounds=tuple(seconds * scale for seconds in retry.rounds),
        ),
        breaker=evolve(breaker, **{name: getattr(breaker, name) * scale for name in _BREAKER_TIMES}),
    )


def scaled_latency(latency: Latency, scale: float, own: float = 0.0) -> Latency:
    """Shorten (or stretch) a table of expected times; `own` seconds of this machine's work may come late upon them."""
    table = {
        resolution: Quantiles(times.p50 * scale, times.p95 * scale + own, times.p99 * scale + own)
        for resolution, times in latency.table.items()
    }
    return evolve(latency, table=table)


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
    with TemporaryDirectory(prefix="pixroute-") as folder:
        ca_file = Path(folder) / "ca.pem"
        await asyncio.to_thread(ca_file.write_text, emulator.ca_pem)
        plugins = load_plugins()
        router = Router(
            providers={
                name: _provider(
                    name,
                    plugins.provider_type(place.type),
                    time_scale,
                    base_url=place.base_url(emulator),
                    ca_file=str(ca_file) if emulator.ca_pem else None,
                )
                for name, place in DEFAULT_CHAIN.items()
            },
            chains=chains or {"default": tuple(DEFAULT_CHAIN)},
            policy=scaled(Policy(), time_scale),
            observers=observers,
            seed=seed,
        )
        async with router:
            yield router


def _provider(name: str, spec: ProviderSpec, time_scale: float, **where: Any) -> Provider:
    create = resolve(spec.create)
    settings = spec.settings(
        api_key=Secret("any-key-will-do"),
        plaintext="accept",
        allow_private_results=True,
        **where,
    )
    as_in_life: Provider = create(name, settings)
    made: Provider = create(name, evolve(settings, latency=scaled_latency(as_in_life.latency, time_scale, OWN_WORK)))
    return made
