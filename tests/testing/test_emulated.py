"""The default chain before an emulator."""

import attrs
import pytest

from pixroute import Latency, Policy, Quantiles
from pixroute.testing.emulated import emulated_router, scaled, scaled_latency
from pixroute.testing.emulator import Emulator


def test_scaling_by_one_changes_nothing():
    """The identity."""
    assert scaled(Policy(timeout=900), 1) == Policy(timeout=900)


def test_what_waits_for_upstreams_is_scaled():
    """Time-outs, reserve, retries, rounds and the breaker's times: all in one scale."""
    policy = scaled(Policy(timeout=900), 0.5)

    assert policy.attempt_timeout == {"1K": 150, "2K": 150, "4K": 300, "other": 300}
    assert (policy.reserve_extra, policy.timeout) == (5, 450)
    assert (policy.retry.max_delay, policy.retry.rounds) == (0.5, (2.5, 7.5, 22.5))
    assert (policy.breaker.open_for, policy.breaker.max_open, policy.breaker.window) == (15, 60, 150)
    assert (policy.breaker.max_open_refused, policy.give_up_after) == (5, 40)


def test_factors_counts_and_this_machine_s_own_times_are_not():
    """A multiple of P99 scales by itself, and connecting takes as long as it takes."""
    changed = {
        name
        for name, value in attrs.asdict(scaled(Policy(), 0.5), recurse=False).items()
        if value != getattr(Policy(), name)
    }

    assert changed == {"attempt_timeout", "reserve_extra", "give_up_after", "retry", "breaker"}


def test_expected_times_are_scaled():
    """So that joins and reserves come as early as everything else."""
    latency = Latency(table={"4K": Quantiles(120, 170, 250)}, source="a guide")

    assert scaled_latency(latency, 0.1) == Latency(table={"4K": Quantiles(12, 17, 25)}, source="a guide")
    assert scaled_latency(latency, 0.1, own=1).table["4K"] == Quantiles(12, 18, 26)


@pytest.mark.slow  # pictures are made and sent for real
@pytest.mark.parametrize("tls", [False, True])
async def test_a_fallback_over_the_wire(tls):
    """With TLS or without: the first upstream overloaded, the second delivering."""
    async with (
        Emulator(time_scale=0.01, tls=tls, faults={"banana": "overloaded"}) as emulator,
        emulated_router(emulator, time_scale=0.01) as router,
    ):
        result = await router.generate("x", size="2K")

    assert result.provider == "seedream"
    assert [attempt.provider for attempt in result.attempts] == ["banana-http", "banana-http", "seedream"]
    assert result.attempts[-1].facts["plaintext"] is not tls
