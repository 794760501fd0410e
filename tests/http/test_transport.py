"""One request on the wire, over real sockets: every way it can end, and what is said of it."""

import asyncio
import base64
import gc
import gzip
import json
import logging
import resource
import socket
import subprocess
import sys
import weakref
import zlib
from types import SimpleNamespace

import pytest

from pixroute.http.call import Call
from pixroute.http.pace import MIB, Pace
from pixroute.http.wire.memory import Memory
from pixroute.http.wire.sockets import KeepAlive, socket_factory
from pixroute.outcome import Billing, FailureKind, Stage
from pixroute.testing.faults import (
    Certificates,
    Dns,
    FaultProxy,
    Flow,
    Listener,
    ProxyPlan,
    ScriptedServer,
    Sink,
    Step,
    StubResolver,
)

POST = Call.post("images", json={"prompt": "a lighthouse"})
PICTURE = bytes(range(256)) * 64
DOCUMENT = json.dumps({"picture": base64.b64encode(PICTURE).decode()}).encode()
HALF = DOCUMENT[: len(DOCUMENT) // 2]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SHORT = Pace(connect=0.2, send_idle=0.2, body_idle=0.2, slowest=64 * 1024, grace=0.1, fetch=0.3)


@pytest.fixture
async def reply_to(attempt, ask):
    """Answer one POST by these steps, and give what came of it."""

    async def reply_to(*steps, on=attempt, call=POST):
        async with ScriptedServer(*steps) as server:
            return await ask(on, server, call)

    return reply_to


class TestAnswers:
    """What comes back when something does."""

    async def test_a_document_comes_back_with_its_pictures_decoded(self, reply_to, attempt):
        """A JSON answer is a reply whose long base64 is decoded, and the attempt knows all stages."""
        reply = await reply_to(Step.reply(200, DOCUMENT, {"X-Request-Id": "up-1", "Content-Type": "application/json"}))

        assert reply.json["picture"].data() == PICTURE
        assert reply.headers["content-type"] == "application/json"
        assert attempt.stages == [Stage.CONNECT, Stage.SEND, Stage.WAIT, Stage.BODY]
        assert attempt.facts["provider_request_id"] == "up-1"
        assert attempt.facts["wire_bytes"] == len(DOCUMENT)
        assert attempt.facts["remote"] == "127.0.0.1"
        assert attempt.facts["plaintext"] is True
        assert attempt.facts["first_byte"] >= 0
        assert "rescued" not in attempt.facts

    async def test_an_error_status_is_a_reply_too(self, reply_to):
        """Whatever the status, a complete answer is for the provider to judge."""
        reply = await reply_to(Step.json({"error": {"message": "overloaded"}}, status=503))

        assert (reply.status, reply.ok, reply.json) == (503, False, {"error": {"message": "overloaded"}})

    async def test_a_page_is_kept_as_text(self, reply_to):
        """Of a body that is not JSON one KiB is kept, without the key that it may repeat."""
        page = b"<html>" + KEY.encode() + b" and sk-1234567890abcdef" + b"x" * 3000

        reply = await reply_to(Step.reply(502, page))

        assert reply.json is None
        assert reply.text.startswith("<html>*** and ***")
        assert len(reply.text) <= 1024

    async def test_a_long_page_is_not_read_to_its_end(self, reply_to, attempt):
        """After 64 KiB of something else the connection is closed."""
        reply = await reply_to(Step.reply(502, b"<html>" + b"x" * 5_000_000) + Step.hang())

        assert reply.status == 502
        assert attempt.facts["wire_bytes"] < 2_000_000

    async def test_an_empty_answer_is_a_reply_without_a_document(self, reply_to):
        """No body is no document, and no failure of the wire."""
        reply = await reply_to(Step.reply(204, b""))

        assert (reply.status, reply.json, reply.text) == (204, None, "")

    async def test_an_error_whose_text_breaks_off_keeps_its_status(self, reply_to):
        """A 503 is a 503, and free, though its body was cut."""
        reply = await reply_to(Step.raw(b'HTTP/1.1 503 x\r\nContent-Length: 100\r\n\r\n{"error') + Step.fin())

        assert (reply.status, reply.json, reply.text) == (503, None, '{"error')

    async def test_what_is_compressed_is_inflated(self, reply_to):
        """A gzip body is read like any other."""
        reply = await reply_to(Step.reply(200, gzip.compress(DOCUMENT), {"Content-Encoding": "gzip"}))

        assert reply.json["picture"].data() == PICTURE

    async def test_a_connection_is_used_again(self, attempt, ask):
        """A complete answer gives its connection back."""
        async with ScriptedServer(Step.reply(200, DOCUMENT)) as server:
            await ask(attempt, server, POST)
            await ask(attempt, server, POST)

        assert (len(server.requests), server.connections) == (2, 1)

    async def test_a_pooled_connection_keeps_no_attempt(self, transports, noted, ask):
        """The loop's callbacks of a connection hold the context it was made in; pictures must not live as long."""
        attempt = noted(transports())
        gone = weakref.ref(attempt)
        async with ScriptedServer(Step.reply(200, DOCUMENT)) as server:
            await asyncio.create_task(ask(attempt, server, POST))
            assert server.disconnections == 0

            del attempt
            gc.collect()
            assert gone() is None

    async def test_the_request_says_who_it_is_and_keeps_no_cookies(self, attempt, ask):
        """Key and request id are sent; a cookie that was set is not sent back."""
        async with ScriptedServer(Step.json({}, headers={"Set-Cookie": "a=b"})) as server:
            await ask(attempt, server, POST)
            await ask(attempt, server, POST)

        sent = server.requests[1]
        assert sent.headers["Authorization"] == f"Bearer {KEY}"
        assert sent.headers["X-Client-Request-Id"] == "req-1"
        assert sent.headers["Cookie"] is None
        assert json.loads(sent.body) == {"prompt": "a lighthouse"}


KEY = "correct-horse-battery-staple"


class TestTailStall:
    """A complete document ends the read, whatever the server does (upstreams §3.5)."""

    @pytest.mark.parametrize(
        "end",
        [
            pytest.param(Step.hang(), id="A: nothing more, for ever"),
            pytest.param(Step.fin(), id="B: closed without a terminator"),
            pytest.param(Step.hang() + Step.raw(b"0\r\n\r\n"), id="C: a terminator much later"),
        ],
    )
    async def test_a_complete_document_is_enough(self, reply_to, end):
        """The picture is taken at once."""
        reply = await reply_to(Step.chunked([DOCUMENT[:1000], DOCUMENT[1000:]], terminate=False) + end)

        assert reply.json["picture"].data() == PICTURE

    async def test_a_stalled_connection_is_noted_and_not_used_again(self, attempt, ask):
        """What may still arrive on it is nobody's answer."""
        async with ScriptedServer(Step.chunked([DOCUMENT], terminate=False)) as server:
            await ask(attempt, server, POST)
            assert attempt.facts["rescued"] is True
            await server.until(lambda: server.disconnections == 1)

    async def test_half_a_document_is_never_taken(self, reply_to):
        """Without Content-Length a cut looks like an end to aiohttp; it is not one."""
        failure = await reply_to(Step.raw(HEAD + b"\r\n" + HALF) + Step.fin())

        assert (failure.kind, failure.billing) == (FailureKind.DISCONNECTED, Billing.AMBIGUOUS)
        assert "in the middle of the answer" in failure.message


def row(name, steps, kind, stage, *, billing=Billing.AMBIGUOUS, says=""):
    return pytest.param(steps, (kind, stage, billing), says, id=name)


K, A = FailureKind, Stage
CUTS = [
    row("RST before headers", Step.rst(), K.DISCONNECTED, A.WAIT, says="was reset"),
    row("FIN before headers", Step.fin(), K.DISCONNECTED, A.WAIT, says="was closed"),
    row("FIN inside headers", Step.raw(HEAD) + Step.fin(), K.DISCONNECTED, A.WAIT, says="was closed"),
    row("RST inside headers", Step.raw(HEAD) + Step.rst(), K.DISCONNECTED, A.WAIT, says="was reset"),
    row("a TLS alert", Step.raw(b"\x15\x03\x01\x00\x02\x02\x46") + Step.fin(), K.PROTOCOL, A.WAIT, says="not HTTP"),
    row("a negative length", Step.raw(HEAD + b"Content-Length: -1\r\n\r\n"), K.PROTOCOL, A.WAIT, says="not HTTP"),
    row("a header of 70 KB", Step.raw(HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n"), K.PROTOCOL, A.WAIT),
    row(
        "length and chunks",
        Step.raw(HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        K.PROTOCOL,
        A.WAIT,
    ),
    row(
        "FIN in a body with a length",
        Step.reply(200, HALF, {"Content-Length": str(len(DOCUMENT))}) + Step.fin(),
        K.DISCONNECTED,
        A.BODY,
        says=f"after {len(HALF):,} of {len(DOCUMENT):,} bytes",
    ),
    row(
        "RST in a body with a length",
        Step.reply(200, HALF, {"Content-Length": str(len(DOCUMENT))}) + Step.rst(),
        K.DISCONNECTED,
        A.BODY,
    ),
    row(
        "FIN in a chunked body",
        Step.chunked([HALF], terminate=False) + Step.fin(),
        K.DISCONNECTED,
        A.BODY,
        says="closed",
    ),
    row("RST in a chunked body", Step.chunked([HALF], terminate=False) + Step.rst(), K.DISCONNECTED, A.BODY),
    row(
        "a redirect",
        Step.reply(307, b"", {"Location": "http://elsewhere.example/v1?x=1"}),
        K.PROTOCOL,
        A.BODY,
        billing=Billing.FREE,
    ),
]


class TestCuts:
    """Every row of upstreams §6.1 after the request left."""

    @pytest.mark.parametrize(("steps", "expected", "says"), CUTS)
    async def test_it_is_a_failure_of_its_kind(self, reply_to, attempt, steps, expected, says):
        """What became of it, how far it had come, what it may cost, and a sentence without the key."""
        failure = await reply_to(steps)

        assert (failure.kind, failure.stage, failure.billing) == expected
        assert says in failure.message
        assert failure.advice
        assert KEY not in str(failure)
        assert attempt.stages[-1] is failure.stage


@pytest.fixture
def unanswered():
    """Give an address that takes no connection: the queue of its listener is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(listener.getsockname())
        yield SimpleNamespace(origin=f"http://127.0.0.1:{listener.getsockname()[1]}")
        for filler in fillers:
            filler.close()


class TestConnecting:
    """Nothing was sent: whatever it was, it is free."""

    @pytest.fixture
    def fails(self, ask):
        """Ask, and check what every failure to connect has in common."""

        async def fails(attempt, server, says, *, kind=K.CONNECT, **options):
            failure = await ask(attempt, server, POST, **options)

            assert (failure.kind, failure.stage, failure.billing) == (kind, Stage.CONNECT, Billing.FREE)
            assert says in failure.message
            assert attempt.stages == [Stage.CONNECT]
            return failure

        return fails

    async def test_refused(self, fails, attempt):
        """Nobody listens."""
        async with ScriptedServer(Step.hang()) as server:
            pass

        failure = await fails(attempt, server, "refused")

        assert not failure.timed_out

    @pytest.mark.parametrize("answer", [Dns.NXDOMAIN, Dns.SERVFAIL])
    async def test_no_such_name(self, fails, attempts, answer):
        """The name is not known, or its server fails."""
        attempt = attempts(resolver=StubResolver({"x.example": answer}))

        await fails(attempt, at("https://x.example"), "could not be resolved")

    async def test_the_resolver_hangs(self, fails, attempts):
        """Looking up the name is part of connecting, and of its time."""
        attempt = attempts(resolver=StubResolver({"x.example": Dns.HANG}), pace=SHORT)

        failure = await fails(attempt, at("https://x.example"), "No connection was made within")

        assert failure.timed_out

    async def test_a_stubborn_resolver(self, fails, attempts):
        """A resolver that raises RuntimeError is one that found nothing."""

        class Stubborn(StubResolver):
            async def resolve(self, *_, **__):
                raise RuntimeError

        await fails(attempts(resolver=Stubborn({})), at("https://x.example"), "could not be made")

    async def test_unanswered(self, fails, attempts, unanswered):
        """Packets into the dark are waited for no longer than connecting may take."""
        failure = await fails(attempts(pace=SHORT), unanswered, "No connection was made within")

        assert failure.timed_out

    async def test_its_own_time_to_connect(self, fails, attempt, unanswered):
        """A provider's `connect_timeout` stands before the transport's."""
        failure = await fails(attempt, unanswered, "within", connect_timeout=0.05)

        assert failure.timed_out

    async def test_one_dead_address_of_two(self, ask, attempts):
        """The living address is used."""
        async with ScriptedServer(Step.json({})) as server:
            attempt = attempts(resolver=StubResolver({"x.example": ["127.0.0.9", "127.0.0.1"]}))

            reply = await ask(attempt, at(f"http://x.example:{server.port}"), POST)

        assert reply.ok

    async def test_https_to_a_port_without_tls(self, fails, attempt):
        """A mix-up of ports is named as one."""
        async with ScriptedServer(Step.json({})) as server, Sink(b"HTTP/1.1 400 Bad\r\n\r\n") as plain:
            del server
            await fails(attempt, at(plain.origin.replace("http:", "https:")), "does not speak TLS", kind=K.TLS)

    async def test_a_handshake_that_hangs(self, ask, attempts):
        """TLS is part of connecting."""
        async with Sink() as mute:
            failure = await ask(attempts(pace=SHORT), at(mute.origin.replace("http:", "https:")), POST)

        assert (failure.kind, failure.billing, failure.timed_out) == (K.CONNECT, Billing.FREE, True)

    async def test_a_handshake_that_is_broken_off(self, ask, attempt):
        """Closed in the middle of the handshake: TLS, not sent."""
        async with Closing() as closing:
            failure = await ask(attempt, at(closing.origin.replace("http:", "https:")), POST)

        assert (failure.stage, failure.billing) == (Stage.CONNECT, Billing.FREE)
        assert failure.kind in {K.TLS, K.CONNECT}


class Closing(Listener):
    """Closes every connection at its first byte."""

    async def serve(self, peer, connection):
        """Wait for the byte."""
        await peer.reader.read(1)


@pytest.fixture(scope="module")
def certificates():
    return Certificates()


@pytest.fixture
def ca_file(certificates, tmp_path):
    path = tmp_path / "ca.pem"
    path.write_bytes(certificates.ca_pem)
    return str(path)


class TestCertificates:
    """TLS is never weakened."""

    async def test_an_authority_of_ones_own(self, ask, attempt, certificates, ca_file):
        """`ca_file` is believed."""
        async with ScriptedServer(Step.json({"a": 1}), ssl=certificates.good) as server:
            reply = await ask(attempt, server, POST, ca_file=ca_file)

        assert reply.json == {"a": 1}
        assert attempt.facts["plaintext"] is False

    @pytest.mark.parametrize(
        "fault", ["expired: expired", "wrong_host: another host", "unknown_authority: known authority"]
    )
    async def test_a_wrong_certificate(self, ask, attempt, certificates, ca_file, fault):
        """Refused, named, and nothing sent."""
        which, says = fault.split(": ")
        async with ScriptedServer(Step.json({}), ssl=getattr(certificates, which)) as server:
            failure = await ask(attempt, server, POST, ca_file=ca_file)

        assert (failure.kind, failure.billing, server.requests) == (K.TLS, Billing.FREE, [])
        assert says in failure.message


class TestClocks:
    """What is too slow is cut, with 150 times shorter times than in life."""

    @pytest.fixture
    def attempt(self, attempts):
        """Give an attempt on an impatient transport."""
        return attempts(pace=SHORT)

    async def test_a_body_that_stops(self, reply_to, attempt):
        """Silence in the body is a time-out at once, not after the attempt's time."""
        failure = await reply_to(Step.raw(HEAD + b"Content-Length: 900\r\n\r\n{") + Step.hang(), on=attempt)

        assert (failure.kind, failure.stage, failure.billing) == (K.TIMEOUT, Stage.BODY, Billing.AMBIGUOUS)
        assert failure.timed_out
        assert "froze after 1 of 900 bytes" in failure.message

    async def test_a_body_that_drips(self, reply_to, attempt):
        """A byte now and then is not progress."""
        drip = Step.drip(b"{" + b" " * 900, every=0.02)

        failure = await reply_to(Step.raw(HEAD + b"Content-Length: 901\r\n\r\n") + drip, on=attempt)

        assert (failure.kind, failure.stage, failure.timed_out) == (K.TIMEOUT, Stage.BODY, True)

    @pytest.mark.slow  # silence must be longer than every clock
    async def test_the_answer_is_waited_for(self, reply_to, attempt):
        """Silence before the answer is the model at work: no clock of the wire runs then."""
        reply = await reply_to(Step.pause(0.5) + Step.json({"a": 1}), on=attempt)

        assert reply.json == {"a": 1}

    @pytest.mark.slow  # the kernel takes megabytes before it stalls
    async def test_an_upload_that_stalls(self, ask, attempt):
        """A server that does not read is given up while sending."""
        large = Call.post("images", json={"image": "x" * 20_000_000})
        async with ScriptedServer(Step.no_read()) as server:
            failure = await ask(attempt, server, large)

        assert (failure.kind, failure.stage, failure.billing) == (K.TIMEOUT, Stage.SEND, Billing.AMBIGUOUS)
        assert "could not be sent" in failure.message
        assert attempt.stages[-1] is Stage.SEND

    @pytest.mark.slow  # it must take longer than the clock it is not to trip
    async def test_a_large_upload_arrives(self, ask, attempts):
        """What moves is not cut, however long it takes in all."""
        attempt = attempts(pace=Pace(send_idle=0.7))  # the kernel takes and holds megabytes at a time
        large = Call.post("images", json={"image": "x" * 8_000_000})
        slow = ProxyPlan(up=Flow(piece=200_000, delay=0.03))
        async with ScriptedServer(Step.json({"a": 1})) as server, FaultProxy(server.port, slow) as proxy:
            reply = await ask(attempt, proxy, large)

        assert reply.json == {"a": 1}
        assert len(server.requests[0].body) == 8_000_013
        assert attempt.stages == [Stage.CONNECT, Stage.SEND, Stage.WAIT, Stage.BODY]

    async def test_a_cancellation_passes(self, ask, attempt):
        """Who cancels gets the cancellation, and the connection is closed."""
        async with ScriptedServer(Step.hang()) as server:
            task = asyncio.create_task(ask(attempt, server, POST))
            await server.received()
            task.cancel()

            with pytest.raises(asyncio.CancelledError):
                await task
            await server.until(lambda: server.disconnections == 1)


class TestCaps:
    """How much may come, and where it is held."""

    @pytest.mark.slow  # 64 MiB come over a socket
    async def test_more_bytes_than_any_picture_has(self, reply_to, attempt):
        """At 64 MiB for one picture the connection is closed, and what came is billed."""
        endless = Step.reply(200, b'{"a": [' + b'"x",' * 20_000_000, {"Content-Type": "application/json"})

        failure = await reply_to(endless)

        assert (failure.kind, failure.billing) == (K.BAD_IMAGE, Billing.BILLED)
        assert attempt.facts["wire_bytes"] < 65 * MIB

    @pytest.mark.slow  # inflating takes its time
    async def test_a_bomb_is_not_inflated(self, reply_to, attempt):
        """A small body that becomes hundreds of megabytes is cut while it is small."""
        deflate = zlib.compressobj(wbits=31)
        bomb = deflate.compress(b'{"picture": "') + deflate.compress(b"A" * 300_000_000) + deflate.flush()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        failure = await reply_to(Step.reply(200, bomb, {"Content-Encoding": "gzip"}))

        assert (failure.kind, failure.billing) == (K.BAD_IMAGE, Billing.BILLED)
        assert attempt.facts["wire_bytes"] <= len(bomb)
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 80 * MIB

    @pytest.mark.slow  # 24 megabytes are decoded
    async def test_bodies_wait_for_memory_and_all_arrive(self, attempts, ask):
        """With room for one and a bit, eight pictures come one after another, and none is cut for waiting."""
        body = json.dumps({"picture": base64.b64encode(b"x" * 3 * MIB).decode()}).encode()
        attempt = attempts(memory=4 * MIB, pace=SHORT)
        attempt.http.memory = memory = Memory(4 * MIB, 3 * MIB)
        async with ScriptedServer(Step.reply(200, body)) as server:
            replies = await asyncio.gather(*(ask(attempt, server, POST) for _ in range(8)))

        assert [reply.json["picture"].size for reply in replies] == [3 * MIB] * 8
        assert memory.held == 0

    async def test_a_file_that_cannot_be_written_is_not_the_connections_fault(self, attempts, ask, tmp_path):
        """The picture is paid for: it goes on in memory."""
        attempt = attempts(into=tmp_path / "gone" / "x.png")
        async with ScriptedServer(Step.reply(200, DOCUMENT)) as server:
            reply = await ask(attempt, server, POST)

        assert (reply.json["picture"].path, reply.json["picture"].data()) == (None, PICTURE)


class TestReach:
    """Where connections may go."""

    async def test_a_redirect_is_never_followed(self, ask, attempt):
        """Neither key nor prompt reach the place that the answer names."""
        async with Sink() as sink, ScriptedServer(Step.reply(307, b"", {"Location": sink.origin + "/x?k=v"})) as server:
            failure = await ask(attempt, server, POST)

        assert failure.kind is K.PROTOCOL
        assert (sink.connections, sink.received) == (0, b"")
        assert "127.0.0.1" in failure.message
        assert "k=v" not in failure.message

    async def test_private_plaintext_reaches_private_addresses(self, ask, attempt):
        """`plaintext = "private"` is no hindrance where the address is private."""
        async with ScriptedServer(Step.json({"a": 1})) as server:
            reply = await ask(attempt, server, POST, plaintext="private")

        assert reply.json == {"a": 1}

    @pytest.mark.parametrize("host", ["8.8.8.8", "[2001:4860:4860::8888]", "x.example", "[64:ff9b::808:808]"])
    async def test_private_plaintext_reaches_no_public_address(self, ask, attempts, host):
        """Literals and resolved names alike are refused before a packet leaves."""
        attempt = attempts(resolver=StubResolver({"x.example": ["8.8.8.8", "1.1.1.1"]}))

        failure = await ask(attempt, at(f"http://{host}:16888"), POST, plaintext="private")

        assert (failure.kind, failure.billing) == (K.CONNECT, Billing.FREE)
        assert "not private" in failure.message

    async def test_connections_of_different_reach_are_not_shared(self, ask, attempt):
        """A connection made where all is allowed does not serve one that may only go to private addresses."""
        async with ScriptedServer(Step.json({})) as server:
            await ask(attempt, server, POST, plaintext="accept")
            await ask(attempt, server, POST, plaintext="private")

        assert server.connections == 2

    async def test_a_proxy_is_used(self, ask, attempt):
        """The request goes to the proxy, with the whole URL."""
        async with ScriptedServer(Step.json({"a": 1})) as proxy:
            reply = await ask(attempt, at("http://upstream.example"), POST, proxy=proxy.origin)

        assert reply.json == {"a": 1}
        assert proxy.requests[0].path == "http://upstream.example/images"

    async def test_a_proxy_of_the_environment_is_used_where_wanted(self, ask, attempt, monkeypatch):
        """`proxy = "env"` reads it; without, it is not used."""
        async with ScriptedServer(Step.json({"from": "proxy"})) as proxy, ScriptedServer(Step.json({})) as server:
            monkeypatch.setenv("http_proxy", proxy.origin)
            monkeypatch.setenv("no_proxy", "")
            by_proxy = await ask(attempt, server, POST, proxy="env")
            direct = await ask(attempt, server, POST)

        assert (by_proxy.json, direct.json) == ({"from": "proxy"}, {})

    async def test_a_proxy_of_the_environment_that_is_not_used_is_named_once(self, ask, attempt, monkeypatch, caplog):
        """Whoever set it should know; its credentials are not repeated."""
        caplog.set_level(logging.INFO)
        async with ScriptedServer(Step.json({})) as server:
            monkeypatch.setenv("http_proxy", "http://me:s3cr3t@127.0.0.1:9")
            monkeypatch.setenv("no_proxy", "")
            await ask(attempt, server, POST)
            await ask(attempt, server, POST)

        (told,) = [record.getMessage() for record in caplog.records if record.name == "pixroute.http"]
        assert "http_proxy" in told
        assert "s3cr3t" not in told

    async def test_a_proxy_that_refuses(self, ask, attempt):
        """A proxy's refusal is no answer of the provider: nothing was sent."""
        async with ScriptedServer(Step.reply(407)) as proxy:
            failure = await ask(attempt, at("https://upstream.example"), POST, proxy=proxy.origin)

        assert (failure.kind, failure.billing) == (K.CONNECT, Billing.FREE)
        assert "407" in failure.message


def test_sockets_ask_whether_the_other_side_lives():
    """Keep-alive is on, with the times given."""
    create = socket_factory(KeepAlive(idle=2, interval=2, count=3, user_timeout=8), "any")

    with create((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))) as sock:
        tcp = {name: sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in OPTIONS}

    assert tcp == {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 8000}


OPTIONS = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")


def test_nothing_of_aiohttp_is_imported_before_it_is_needed():
    """Importing the package's HTTP side costs no aiohttp."""
    code = "import pixroute, pixroute.http, pixroute.http.transport, sys; sys.exit('aiohttp' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def at(origin):
    """Stand in for a server that is only an address."""
    return SimpleNamespace(origin=origin)


@pytest.mark.parametrize(
    ("given", "sent"),
    [("/jobs/a%2fb/%7E?sig=a+b%3D", "/jobs/a%2fb/%7E?sig=a+b%3D"), ("/a b/ü", "/a%20b/%C3%BC"), ("/a/../b", "/a/../b")],
)
async def test_a_url_that_an_upstream_gave_is_sent_byte_for_byte(ask, attempt, given, sent):
    """Where a job is polled, say: a signature holds for these bytes and no others."""
    async with ScriptedServer(Step.reply(200, b"{}")) as server:
        await ask(attempt, server, Call.get(f"{server.origin}{given}"))

    assert server.requests[0].path == sent
