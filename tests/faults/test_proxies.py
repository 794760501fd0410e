"""Rows 19 and 38 through real proxies: nginx and HAProxy between the router and a provider that fails behind them."""

import pytest
from attrs import evolve

from pixroute import FailureKind, Policy, Stage
from pixroute.outcome import Billing
from pixroute.testing.faults import ScriptedServer, Step

pytestmark = pytest.mark.slow  # each test starts a real proxy

K, FREE, AMBIGUOUS = FailureKind, Billing.FREE, Billing.AMBIGUOUS
HALF = b'{"data": [{"b64_json": "' + b"iVBORw0K" * 7_500
PATIENT = evolve(Policy(), hedge_after=100)
"""HAProxy tries again for three seconds, in which no fallback may join."""
STALLS = {
    "with a length": Step.reply(200, HALF, {"Content-Length": "1000000"}) + Step.hang(),
    "chunked": Step.chunked([HALF], terminate=False) + Step.hang(),
}


@pytest.fixture(params=["nginx", "haproxy"])
def proxy(request):
    """Give a proxy's name, what starts it, and its setting for patience."""
    names = {"nginx": ("nginx", "`proxy_read_timeout`"), "haproxy": ("HAProxy", "`timeout server`")}
    return request.getfixturevalue(request.param), *names[request.param]


async def test_row_38_a_proxy_that_loses_patience(fails_over, proxy):
    """A 504 is its own word: it is named, with the setting to change, and the picture may still be made."""
    start, name, setting = proxy
    async with ScriptedServer(Step.hang()) as server:
        told = await fails_over(
            start(server.port, timeout="200ms"), K.PROXY_CUT, Stage.BODY, AMBIGUOUS, says=f"{name}, on the way"
        )

    assert "waited no longer" in told.first.failure.message
    assert setting in told.first.failure.advice
    assert told.first.failure.status == 504
    assert len(server.requests) == 1


async def test_row_19_a_provider_that_breaks_off_behind_a_proxy(fails_over, proxy):
    """A 502 says that the request was passed on and lost."""
    start, name, _ = proxy
    async with ScriptedServer(Step.rst()) as server:
        told = await fails_over(start(server.port), K.PROXY_CUT, Stage.BODY, AMBIGUOUS, says=f"{name}, on the way")

    assert "broke off" in told.first.failure.message
    assert told.first.failure.status == 502
    assert len(server.requests) == 1


async def test_row_19_a_dead_provider_behind_a_proxy(fails_over, proxy):
    """Nobody listens behind it: nginx says 502, HAProxy 503 with a page that says so, and either is named."""
    start, name, _ = proxy
    async with ScriptedServer(Step.rst()) as server:
        port = server.port

    billing = FREE if name == "HAProxy" else AMBIGUOUS
    told = await fails_over(start(port), K.PROXY_CUT, Stage.BODY, billing, says=f"{name}, on the way", policy=PATIENT)

    assert told.first.failure.status in {502, 503}


@pytest.mark.parametrize("stall", STALLS.values(), ids=STALLS)
async def test_row_11_a_body_that_stalls_behind_a_proxy(fails_over, proxy, stall):
    """The 200 has gone out, so all that a proxy can do is to close: half a picture is none."""
    start, _, _ = proxy
    async with ScriptedServer(stall) as server:
        await fails_over(
            start(server.port, timeout="200ms"),
            K.DISCONNECTED,
            Stage.BODY,
            AMBIGUOUS,
            says="in the middle of the answer",
        )

    assert len(server.requests) == 1


async def test_row_36_a_request_too_large_for_nginx(wired, nginx, heavy_png):
    """Two megabytes of reference are over its limit of one: it is named, with its setting, and nothing is billed."""
    async with ScriptedServer(Step.json({})) as server, wired(nginx(server.port)) as wire:
        told = await wire.ask(references=[heavy_png(2_000_000)])

    failure = told.first.failure
    assert (failure.kind, failure.status, told.first.billing) == (K.INVALID, 413, FREE)
    assert "nginx, on the way" in failure.message
    assert "`client_max_body_size`" in failure.advice
    assert "smaller reference pictures" in failure.advice
    assert told.result.provider == "fallback"
    assert server.requests == []
