"""Rows 6-15, 17 and 43: a connection that ends, stalls or turns to nonsense after the request has left."""

import asyncio

import pytest
from attrs import evolve

from pixroute import FailureKind, Stage
from pixroute.health.states import OpenReason
from pixroute.outcome import Billing
from pixroute.policy import BreakerPolicy
from pixroute.testing.faults import FaultProxy, Flow, ProxyPlan, ScriptedServer, Step

K, AMBIGUOUS = FailureKind, Billing.AMBIGUOUS
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
HALF = b'{"data": [{"b64_json": "' + b"iVBORw0K" * 7_500
OF_LENGTH = {"Content-Length": "1000000"}


@pytest.mark.slow  # waits for a time-out of 0.3 s while sending
async def test_row_06_a_server_that_never_reads(wired, heavy_png):
    """An upload of 25 MB that stalls is cut after its time without progress, and what was not taken is not buffered."""
    async with ScriptedServer(Step.no_read()) as server, wired(server.origin) as wire:
        told = await wire.ask(references=[heavy_png(25_000_000)])

    assert (told.first.kind, told.first.stage, told.first.billing) == (K.TIMEOUT, Stage.SEND, AMBIGUOUS)
    assert "could not be sent" in told.first.failure.message
    assert "smaller reference" in told.first.failure.advice
    assert told.result.provider == "fallback"
    assert server.bytes_received < 5_000_000


async def test_row_07_fin_before_headers_is_not_sent_again(fails_over):
    """A connection closed without an answer may have been billed."""
    async with ScriptedServer(Step.fin()) as server:
        await fails_over(server.origin, K.DISCONNECTED, Stage.WAIT, AMBIGUOUS, says="was closed")

    assert len(server.requests) == 1


async def test_row_08_rst_before_headers_is_not_sent_again(fails_over):
    """A connection reset without an answer may have been billed."""
    async with ScriptedServer(Step.rst()) as server:
        await fails_over(server.origin, K.DISCONNECTED, Stage.WAIT, AMBIGUOUS, says="was reset")

    assert len(server.requests) == 1


async def test_row_09_rst_inside_headers(fails_over):
    """Half a head is no answer; what aiohttp read of it is quoted nowhere."""
    async with ScriptedServer(Step.raw(HEAD + b"X-Said: do-not-quote\r\n") + Step.rst()) as server:
        told = await fails_over(server.origin, K.DISCONNECTED, Stage.WAIT, AMBIGUOUS, says="was reset")

    assert "do-not-quote" not in str(told.first.failure)
    assert len(server.requests) == 1


@pytest.mark.slow  # a fallback joins after 1.5 times the primary's scaled P99
async def test_row_10_a_server_that_hangs_is_joined_by_the_fallback(wired):
    """The silent attempt is not cut but joined, loses, and counts as overdue."""
    async with ScriptedServer(Step.hang()) as server, wired(server.origin) as wire:
        told = await wire.ask()

    assert told.result.provider == "fallback"
    assert (told.first.kind, told.first.stage, told.first.billing) == (K.CANCELLED, Stage.WAIT, AMBIGUOUS)
    assert told.attempts[1].hedge
    assert told.attempts[1].started == pytest.approx(2.25, abs=0.5)
    assert len(server.requests) == 1


@pytest.mark.slow  # requests must hang until three of them are overdue
async def test_row_10_three_that_hang_open_the_breaker(wired):
    """What is overdue opens the breaker while it is still in flight, and the next request goes straight past it."""
    later = evolve(wired.policy, hedge_after=3.0)  # a fallback that joins in the same instant would end the silence
    async with ScriptedServer(Step.hang()) as server, wired(server.origin, policy=later) as wire:
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(wire.ask(f"picture {number}"))
        told = await wire.ask("another")
        state = wire.state()

    assert state == ("open", OpenReason.OVERDUE)
    assert [attempt.provider for attempt in told.attempts] == ["fallback"]
    assert len(server.requests) == 3


@pytest.mark.slow  # waits for a time-out of 0.3 s in the body
async def test_row_11_a_body_that_stops(fails_over):
    """An answer that freezes is cut after the body's own time, not the attempt's."""
    async with ScriptedServer(Step.reply(200, HALF, OF_LENGTH) + Step.hang()) as server:
        told = await fails_over(server.origin, K.TIMEOUT, Stage.BODY, AMBIGUOUS, says="bytes")

    assert 0.3 <= told.first.seconds < 1.5


@pytest.mark.parametrize(("end", "says"), [(Step.fin(), "was closed"), (Step.rst(), "was reset")], ids=["fin", "rst"])
async def test_row_12_a_body_cut_before_its_length(fails_over, end, says):
    """Content-Length tells that more was to come."""
    async with ScriptedServer(Step.reply(200, HALF, OF_LENGTH) + end) as server:
        told = await fails_over(server.origin, K.DISCONNECTED, Stage.BODY, AMBIGUOUS, says=says)

    assert "of 1,000,000 bytes" in told.first.failure.message


@pytest.mark.slow  # a body drips beyond its grace of 0.2 s
async def test_row_13_a_body_that_drips(fails_over):
    """A body under its lowest rate is cut soon after its grace, though it never pauses."""
    drip = ProxyPlan(down=Flow(piece=200, delay=0.02))
    async with ScriptedServer(Step.reply(200, HALF, OF_LENGTH)) as server, FaultProxy(server.port, drip) as slow:
        told = await fails_over(slow.origin, K.TIMEOUT, Stage.BODY, AMBIGUOUS)

    assert 0.2 <= told.first.seconds < 1.5
    assert len(server.requests) == 1


async def test_row_14_chunks_without_their_end(fails_over):
    """A chunked body that breaks off is no picture."""
    async with ScriptedServer(Step.chunked([HALF], terminate=False) + Step.fin()) as server:
        await fails_over(server.origin, K.DISCONNECTED, Stage.BODY, AMBIGUOUS, says="in the middle of the answer")


@pytest.mark.parametrize("keep", [1, 10, len(HALF)], ids=lambda keep: f"{keep} bytes")
async def test_row_15_half_a_document_and_no_length(fails_over, keep):
    """To HTTP this is a clean 200, to aiohttp too; half a document is half a document."""
    async with ScriptedServer(Step.raw(HEAD + b"\r\n" + HALF[:keep]) + Step.fin()) as server:
        await fails_over(server.origin, K.DISCONNECTED, Stage.BODY, AMBIGUOUS, says="in the middle of the answer")


NONSENSE = {
    "a status that is none": b"HTTP/1.1 abc OK\r\n\r\n",
    "not HTTP": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n",
    "a length and chunks": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a header of 70 KB": HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
async def test_row_17_what_is_not_http_is_no_bad_request(fails_over, answer):
    """The parser calls it a status 400, which nobody sent: it is PROTOCOL, never INVALID."""
    async with ScriptedServer(Step.raw(answer) + Step.fin()) as server:
        told = await fails_over(server.origin, K.PROTOCOL, Stage.WAIT, AMBIGUOUS)

    assert told.first.failure.status is None


async def test_row_17_five_of_them_open_the_origin(wired):
    """Whoever talks nonsense is not asked for ever: the origin's breaker opens, not the upstream's."""
    nonsense = Step.raw(b"HTTP/1.1 abc OK\r\n\r\n") + Step.fin()
    async with ScriptedServer(nonsense) as server, wired(server.origin) as wire:
        for number in range(6):
            await wire.ask(f"picture {number}")
        states = wire.state("origin"), wire.state("upstream")

    assert states == (("open", OpenReason.STREAK), ("closed", None))
    assert len(server.requests) == BreakerPolicy().max_failures


async def test_row_43_an_idle_connection_closed_as_the_next_post_leaves(wired, delivers, heavy_png):
    """A kept connection that dies under a POST is a cut like any other: the POST is not sent again in silence."""
    step = delivers(heavy_png(10_000))
    async with ScriptedServer(step, Step.fin()) as server, wired(server.origin) as wire:
        await wire.ask("the first")
        told = await wire.ask("the second")

    assert (told.first.kind, told.first.billing) == (K.DISCONNECTED, AMBIGUOUS)
    assert told.result.provider == "fallback"
    assert (len(server.requests), server.connections) == (2, 1)
