"""A request waits only so long while nobody admits it (semantics §3.9)."""

import asyncio

import pytest

from pixroute import Policy, RequestFailed
from pixroute.outcome import FailureKind
from pixroute.testing import FakeProvider, fail, fake_router, picture, run_virtual


def end_of(*script, seconds=3600.0, **policy):
    """Ask a provider of this script for ever; give when the request ended and how."""

    async def main():
        async with fake_router(FakeProvider(*script), policy=Policy(**policy)) as router:
            try:
                end = await router.generate("a lighthouse", timeout=seconds)
            except RequestFailed as error:
                end = error
            return asyncio.get_running_loop().time(), end

    return run_virtual(main())


def test_when_all_are_down_the_caller_hears_of_it_within_90_s():
    """And, once enough requests failed to open the breaker, when to come back."""
    down = FakeProvider(fail(FailureKind.OVERLOADED, 0.3, status=503))

    async def main():
        async with fake_router(down) as router:
            ends = await asyncio.gather(*(router.generate(f"p{n}") for n in range(6)), return_exceptions=True)
            return asyncio.get_running_loop().time(), ends

    at, ends = run_virtual(main())

    assert at <= 90
    assert all(isinstance(end, RequestFailed) for end in ends)
    assert any(end.retry_after is not None for end in ends)


def test_an_outage_of_30_s_of_the_only_provider_is_outlived():
    """The rounds come after it."""
    refusals = [fail(FailureKind.OVERLOADED, 0.3, status=503)] * 3
    at, end = end_of(*refusals, picture(50))

    assert end.provider
    assert at > 20


@pytest.mark.parametrize(("limit", "latest"), [(0, 2), (10, 15), ("deadline", 3600)])
def test_the_operator_says_how_long(limit, latest):
    """Seconds, or as long as somebody could still finish."""
    at, end = end_of(fail(FailureKind.OVERLOADED, 0.3, status=503), give_up_after=limit, seconds=600)

    assert isinstance(end, RequestFailed)
    assert at <= latest


def test_a_hint_beyond_the_patience_is_not_waited_for():
    """The error repeats it."""
    at, end = end_of(fail(FailureKind.RATE_LIMITED, 0.3, status=429, hint=300))

    assert at < 90
    assert 200 < end.retry_after <= 300


def test_a_hint_within_it_is_waited_for():
    """Its provider said when."""
    _, end = end_of(fail(FailureKind.RATE_LIMITED, 0.3, status=429, hint=40), picture(20))

    assert end.provider
