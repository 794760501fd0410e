"""What leans on aiohttp's insides: these tests fail when they move, and say what to look at."""

import asyncio
import inspect
import json
import socket
import threading
import time
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import http_writer
from aiohttp.client_proto import ResponseHandler
from multidict import CIMultiDict

from pixroute.http.call import Call
from pixroute.http.wire import insides
from pixroute.outcome import Billing, FailureKind
from pixroute.testing.faults import ScriptedServer, Step

GET = Call.get("models")
POST = Call.post("images", json={"prompt": "a lighthouse"})


def answer(number, *, extra=b""):
    """Give a whole answer."""
    body = json.dumps({"number": number}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s" % (len(body), body, extra)


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (
            ResponseHandler,
            "set_response_params",
            {"read_bufsize", "read_until_eof", "auto_decompress", "max_line_size"},
        ),
        (ResponseHandler, "read", set()),
        (ResponseHandler, "is_connected", set()),
        (ResponseHandler, "force_close", set()),
        (ResponseHandler, "data_received", {"data"}),
        (ResponseHandler, "resume_reading", set()),
        (ResponseHandler, "feed_data", {"data"}),
        (ResponseHandler, "set_exception", {"exc"}),
        (ResponseHandler, "exception", set()),
        (aiohttp.ClientRequest, "__init__", {"method", "url", "proxy", "loop"}),
        (aiohttp.ClientRequest, "is_ssl", set()),
        (aiohttp.TCPConnector, "connect", {"req", "traces", "timeout"}),
        (aiohttp.StreamReader, "on_eof", {"callback"}),
        (http_writer.StreamWriter, "__init__", {"protocol", "loop"}),
        (http_writer.StreamWriter, "write", {"chunk"}),
        (http_writer.StreamWriter, "drain", set()),
    ],
)
def test_a_method_that_is_overridden_or_called_is_there(owner, name, parameters):
    """With the parameters by which aiohttp, or we, call it."""
    assert parameters <= set(inspect.signature(getattr(owner, name)).parameters)


async def test_an_attribute_that_is_read_or_set_is_there():
    """On the connector and the protocol."""
    async with aiohttp.TCPConnector() as connector:
        assert connector._factory.func is ResponseHandler
    protocol = ResponseHandler(asyncio.get_running_loop())
    assert (protocol._payload, protocol.transport, protocol.should_close) == (None, None, False)
    assert protocol._reading_paused is False
    assert isinstance(inspect.getattr_static(ResponseHandler, "should_close"), property)


async def test_an_answer_that_nobody_asked_for_is_nobodys(attempt, ask):
    """A second answer on an idle connection is not read as that to the next request."""
    async with ScriptedServer(
        Step.raw(answer(1)) + Step.pause(0.05) + Step.raw(answer(99)), Step.raw(answer(2))
    ) as server:
        first = await ask(attempt, server, POST)
        await asyncio.sleep(0.15)
        second = await ask(attempt, server, POST)

    assert (first.json, second.json, server.connections) == ({"number": 1}, {"number": 2}, 2)


@pytest.mark.parametrize("late", [b"HTTP/1.1 2", b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", b"\0"])
async def test_whatever_comes_on_an_idle_connection_costs_nobody_an_attempt(attempt, ask, late):
    """Half a head, a 408, garbage."""
    async with ScriptedServer(Step.raw(answer(1)) + Step.pause(0.05) + Step.raw(late), Step.raw(answer(2))) as server:
        await ask(attempt, server, POST)
        await asyncio.sleep(0.15)
        second = await ask(attempt, server, POST)

    assert second.json == {"number": 2}


@pytest.mark.parametrize("late", [answer(99), b""])
async def test_what_the_loop_has_not_read_yet_counts_too(attempt, ask, late):
    """The loop was busy while an answer, or the connection's end, came: the next request goes elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_two, args=(listener, late))
        thread.start()
        server = SimpleNamespace(origin=f"http://127.0.0.1:{listener.getsockname()[1]}")
        await ask(attempt, server, POST)
        time.sleep(0.1)  # noqa: ASYNC251 - a loop that is blocked is what is tested
        second = await ask(attempt, server, POST)
        thread.join()

    assert second.json == {"number": 2}


def serve_two(listener, late):
    """Answer on one connection, let something late follow, and answer on the next connection."""
    first, _ = listener.accept()
    with first:
        first.recv(65536)
        first.sendall(answer(1))
        time.sleep(0.03)
        if late:
            first.sendall(late)
        else:
            first.shutdown(socket.SHUT_WR)
        second, _ = listener.accept()
        with second:
            second.recv(65536)
            second.sendall(answer(2))


async def test_bytes_behind_a_whole_answer_lose_it_not(attempt, ask):
    """In the same packet; the connection is closed."""
    async with ScriptedServer(Step.raw(answer(1, extra=b"GARBAGE"))) as server:
        replies = [await ask(attempt, server, POST) for _ in range(2)]

    assert ([reply.json for reply in replies], server.connections) == ([{"number": 1}] * 2, 2)


@pytest.mark.parametrize(("interim", "good"), [(16, True), (17, False)])
async def test_at_most_sixteen_interim_answers_are_taken(attempt, ask, interim, good):
    """Then it is no answer but a flood."""
    flood = b"HTTP/1.1 100 Continue\r\n\r\n" * interim
    async with ScriptedServer(Step.raw(flood) + Step.raw(answer(1))) as server:
        reply = await ask(attempt, server, POST)

    if good:
        assert reply.json == {"number": 1}
    else:
        assert (reply.kind, reply.billing) == (FailureKind.PROTOCOL, Billing.AMBIGUOUS)
        assert "16 interim answers" in reply.message


async def test_a_long_header_costs_no_picture(attempt, ask):
    """A security policy of 9,000 characters, and 200 cookies."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Security-Policy: " + b"x" * 60_000 + b"\r\n"
    cookies = b"".join(b"Set-Cookie: c%d=1\r\n" % number for number in range(200))
    async with ScriptedServer(Step.raw(head + cookies + b"\r\n{}")) as server:
        reply = await ask(attempt, server, POST)

    assert reply.json == {}


@pytest.mark.parametrize("control", ["\r\nX-Other: two", "\n", "\r", "\0", "\x1f", "\x7f"])
@pytest.mark.parametrize("place", [("{}", "", ""), ("", "{}", ""), ("", "", "{}")], ids=["line", "name", "value"])
def test_a_head_with_a_control_character_is_not_written(place, control):
    """Nobody puts a second header, or a second request, into one; whatever this aiohttp looks at by itself."""
    line, name, value = (one.format(control) for one in place)
    with pytest.raises(ValueError, match="control character"):
        insides.serialized(f"GET /{line} HTTP/1.1", CIMultiDict({f"X-Name{name}": f"one{value}"}))


def test_a_tab_in_a_header_is_written():
    """It is white space there."""
    assert b"one\ttwo" in insides.serialized("GET / HTTP/1.1", CIMultiDict({"X-Name": "one\ttwo"}))


async def test_nothing_is_sent_twice(attempt, ask):
    """A kept connection breaks under a GET: whatever is asked again is asked again by us."""
    async with ScriptedServer(Step.raw(answer(1)), Step.fin(), Step.raw(answer(2))) as server:
        await ask(attempt, server, GET)
        second = await ask(attempt, server, GET)

        assert (second.kind, len(server.requests)) == (FailureKind.DISCONNECTED, 2)


async def test_a_long_body_may_be_answered_before_it_is_sent(attempt, ask):
    """The answer counts, the upload ends with it, and the connection carries nothing more."""
    long = Call.post("images", json={"prompt": "x" * 30_000_000})
    early = Step(lambda peer: peer.send(answer(1)), reads_body=False) + Step.hang()
    async with ScriptedServer(early, Step.raw(answer(2))) as server:
        first = await ask(attempt, server, long)
        second = await ask(attempt, server, POST)

        assert (first.json, second.json, server.connections) == ({"number": 1}, {"number": 2}, 2)
    assert not [task for task in asyncio.all_tasks() if "_upload" in repr(task)]


async def test_a_body_in_pieces_arrives_as_it_was(attempt, ask):
    """Longer than what is given to the system at once."""
    long = Call.post("images", json={"prompt": "x" * 3_000_000})
    async with ScriptedServer(Step.raw(answer(1))) as server:
        await ask(attempt, server, long)

        assert json.loads(server.requests[0].body) == long.json
