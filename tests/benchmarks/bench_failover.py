"""What it costs to pass over a provider whose breaker is open: routed past it, beside routed to the second alone.

Neither speaks to a network, which would be the same in both and hide the difference.
"""

import asyncio
from functools import partial

from callers import ask
from measure import Figure, cpu, take_turns

from pixroute.outcome import FailureKind
from pixroute.testing.fake import FakeProvider, fail, fake_router

TARGET = 20.0


def run(*, quick: bool) -> list[Figure]:
    """The first provider said that its model is gone, which opens its breaker for an hour."""
    past, alone = asyncio.run(_measure(9 if quick else 25, 300 if quick else 1000))
    more = tuple(1e6 * (one - other) for one, other in zip(past, alone, strict=True))
    return [Figure(benchmark="failover", name="CPU past an open breaker", unit="µs", values=more, target=TARGET)]


async def _measure(rounds: int, times: int) -> list[tuple[float, ...]]:
    gone = FakeProvider(fail(FailureKind.MODEL_GONE, status=404))
    async with fake_router(gone, FakeProvider()) as both, fake_router(FakeProvider()) as second:
        assert (await ask(both)).fell_back
        found = await take_turns(
            rounds, partial(cpu, partial(ask, both), times), partial(cpu, partial(ask, second), times)
        )
    assert len(gone.calls) == 1
    return found
