"""The answer begins with its document: what comes before it says only that somebody is at work."""

import pytest

from pixroute.http.call import Call
from pixroute.http.pace import Pace
from pixroute.outcome import Billing, FailureKind, Stage
from pixroute.testing.faults import ScriptedServer, Step

POST = Call.post("images", json={"prompt": "a lighthouse"})
HEAD = Step.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
DOCUMENT = Step.raw(b'{"a": 1}')
IMPATIENT = Pace(body_idle=0.05, slowest=64 * 1024, grace=0.05)


@pytest.mark.parametrize(
    "alive",
    [
        pytest.param(Step.pause(0.15), id="an early head"),
        pytest.param(Step.drip(b" \n\r\n  ", every=0.03), id="white space"),
        pytest.param(Step.drip(b": keep-alive\n\n", every=0.01), id="SSE comments"),
        pytest.param(Step.pause(0.08) + Step.raw(b"\n") + Step.pause(0.08), id="seldom"),
    ],
)
async def test_what_keeps_the_connection_alive_is_not_the_answer(ask, attempts, alive):
    """No clock of the body runs yet, and the attempt waits; the first byte is that of the document."""
    attempt = attempts(pace=IMPATIENT)
    async with ScriptedServer(HEAD + alive + DOCUMENT) as server:
        reply = await ask(attempt, server, POST)

    assert reply.json == {"a": 1}
    assert attempt.stages == [Stage.CONNECT, Stage.SEND, Stage.WAIT, Stage.BODY]
    assert attempt.facts["first_byte"] > 0.1


async def test_a_document_that_stops_is_cut_after_white_space_too(ask, attempts):
    """From its first byte on its limits hold."""
    attempt = attempts(pace=IMPATIENT)
    async with ScriptedServer(HEAD + Step.raw(b'  {"a"') + Step.hang()) as server:
        failure = await ask(attempt, server, POST)

    assert (failure.kind, failure.stage) == (FailureKind.TIMEOUT, Stage.BODY)


async def test_a_connection_that_ends_in_white_space_was_cut_while_waiting(ask, attempt):
    """Nothing of the answer had come."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"
    async with ScriptedServer(Step.raw(head + b"  \n") + Step.fin()) as server:
        failure = await ask(attempt, server, POST)

    assert (failure.stage, failure.billing) == (Stage.WAIT, Billing.AMBIGUOUS)


async def test_more_than_a_mebibyte_of_filler_is_nonsense(ask, attempt):
    """Nobody keeps a connection alive with that much."""
    async with ScriptedServer(HEAD + Step.raw(b" " * (1024**2 + 1)) + DOCUMENT) as server:
        failure = await ask(attempt, server, POST)

    assert (failure.kind, failure.billing) == (FailureKind.PROTOCOL, Billing.AMBIGUOUS)
    assert "1 MiB" in failure.message


async def test_the_body_of_an_error_is_not_waited_for_like_a_picture(ask, attempts):
    """Its status has said what it is."""
    attempt = attempts(pace=IMPATIENT)
    head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 900\r\n\r\n"
    async with ScriptedServer(Step.raw(head) + Step.hang()) as server:
        failure = await ask(attempt, server, POST)

    assert failure.kind is FailureKind.TIMEOUT
