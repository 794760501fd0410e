"""Times of life in another scale."""

from __future__ import annotations

from attrs import evolve

from pixroute.latency import Latency, Quantiles
from pixroute.policy import Policy

OWN_WORK = 1.0
"""Seconds that a busy machine may need to paint, send and check a picture, lest it look like a slow upstream."""
_BREAKER_TIMES = ("failures_within", "window", "open_for", "max_open", "max_open_refused", "reset_after", "max_hint")


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
