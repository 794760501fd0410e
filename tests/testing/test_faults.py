import asyncio
import socket
import ssl
import time

import aiohttp
import pytest

from pixroute.testing.faults import (
    Certificates,
    Dns,
    End,
    FaultProxy,
    Flow,
    ProxyPlan,
    ScriptedServer,
    Sink,
    Step,
    StubResolver,
)

HEAD_OF_100 = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


@pytest.fixture
async def client():
    """Give a session without time-outs of its own."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        yield session


@pytest.fixture(scope="module")
def certificates():
    return Certificates()


async def post(client, url, **options):
    """Return status and body of a POST."""
    async with client.post(url, **options) as response:
        return response.status, await response.read()


# The scripted server


async def test_each_request_takes_the_next_step_and_the_last_step_stays(client):
    """A script is one step for each request, and its end does not leave the server speechless."""
    async with ScriptedServer(Step.reply(503), Step.json({"ok": True})) as server:
        replies = [await post(client, server.origin) for _ in range(3)]

    assert replies == [(503, b""), (200, b'{"ok": true}'), (200, b'{"ok": true}')]


async def test_requests_are_kept_whole(client):
    """A test can look at everything a request carried, and at the connection that brought it."""
    async with ScriptedServer(Step.reply()) as server:
        await post(client, f"{server.origin}/v1/images?n=1", data=b"prompt", headers={"Authorization": "Bearer k"})
        request = await server.received()

    assert (request.method, request.path) == ("POST", "/v1/images?n=1")
    assert (request.body, request.connection) == (b"prompt", 1)
    assert request.headers["authorization"] == "Bearer k"
    assert server.bytes_received > len(b"prompt")


async def test_a_chunked_request_is_kept_without_its_framing(client):
    """Uploads of unknown length arrive as what the caller gave."""

    async def pieces():
        yield b"first "
        yield b"second"

    async with ScriptedServer(Step.reply()) as server:
        await post(client, server.origin, data=pieces())

    assert server.requests[0].body == b"first second"


async def test_kept_connections_are_told_from_new_ones(client):
    """Reuse of a connection shows in the connection's number."""
    async with ScriptedServer(Step.reply(), Step.reply(headers={"Connection": "close"}) + Step.fin()) as server:
        for _ in range(3):
            await post(client, server.origin)

    assert [request.connection for request in server.requests] == [1, 1, 2]


async def test_a_waiting_test_hears_of_a_request_and_of_the_clients_leaving(client):
    """Neither arrival nor departure needs a sleep to be seen."""
    async with ScriptedServer(Step.hang()) as server:
        call = asyncio.create_task(post(client, server.origin))
        await server.received()
        call.cancel()
        await server.until(lambda: server.disconnections == 1)

    assert call.cancelled()


async def test_a_wait_for_what_never_comes_ends():
    """A broken test fails; it does not hang."""
    async with ScriptedServer(Step.reply()) as server:
        with pytest.raises(TimeoutError):
            await server.until(lambda: False, timeout=0.01)


async def test_a_bug_in_a_script_is_raised(client):
    """A step's own error is not mistaken for a fault."""

    async def broken(peer):
        raise ZeroDivisionError

    server = ScriptedServer(Step(broken))
    await server.__aenter__()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await post(client, server.origin)

    with pytest.raises(ZeroDivisionError):
        await server.__aexit__()


@pytest.mark.parametrize(
    ("step", "error", "text"),
    [
        (Step.rst(), aiohttp.ClientOSError, "104"),
        (Step.fin(), aiohttp.ServerDisconnectedError, "Server disconnected"),
        (Step.raw(b"HTTP/1.1 200 OK\r\nConte") + Step.fin(), aiohttp.ServerDisconnectedError, "RawResponseMessage"),
        (Step.raw(b"HTTP/1.1 200 OK\r\nConte") + Step.rst(), aiohttp.ClientOSError, "104"),
        (Step.raw(b"\x15\x03\x01\x00\x02\x02\x46"), aiohttp.ClientResponseError, "400.*Bad status line"),
        (Step.raw(HEAD_OF_100 + b"hello") + Step.fin(), aiohttp.ClientPayloadError, "5 of 100 bytes"),
        (Step.raw(HEAD_OF_100 + b"hello") + Step.rst(), aiohttp.ClientPayloadError, "104"),
        (Step.chunked([b"hello"], terminate=False) + Step.fin(), aiohttp.ClientPayloadError, "TransferEncodingError"),
        (Step.chunked([b"hello"], terminate=False) + Step.rst(), aiohttp.ClientPayloadError, "TransferEncodingError"),
        (Step.drip(HEAD_OF_100 + b"hello", every=0, piece=7) + Step.fin(), aiohttp.ClientPayloadError, "5 of 100"),
    ],
)
async def test_every_cut_looks_to_aiohttp_as_it_does_in_life(client, step, error, text):
    """The table of upstreams §6.1, after the request was sent."""
    async with ScriptedServer(step) as server:
        with pytest.raises(error, match=text) as caught:
            await post(client, server.origin)

    assert type(caught.value) is error


@pytest.mark.parametrize("step", [Step.hang(), Step.raw(HEAD_OF_100), Step.pause(60)])
async def test_silence_is_ended_by_the_clients_clock_only(client, step):
    """A hang before or inside the body sends nothing at all."""
    async with ScriptedServer(step) as server:
        with pytest.raises(aiohttp.SocketTimeoutError):
            await post(client, server.origin, timeout=aiohttp.ClientTimeout(total=None, sock_read=0.02))


async def test_a_drip_is_slow(client):
    """Bytes come in pieces with a wait after each."""
    async with ScriptedServer(
        Step.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!", every=0.01, piece=10)
    ) as server:
        started = time.monotonic()
        reply = await post(client, server.origin)

    assert reply == (200, b"!")
    assert time.monotonic() - started >= 0.03


async def test_truncated_json_without_a_length_is_a_clean_200(client):
    """What HTTP cannot tell from a whole answer reaches the caller as one."""
    async with ScriptedServer(Step.raw(b'HTTP/1.1 200 OK\r\n\r\n{"data": [') + Step.fin()) as server:
        reply = await post(client, server.origin)

    assert reply == (200, b'{"data": [')


async def test_a_body_that_is_not_read_stalls_the_sender():
    """The window fills up, and what the client could not send stays with it."""
    size = 25_000_000
    async with ScriptedServer(Step.no_read()) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        request = await server.received()
        unsent = writer.transport.get_write_buffer_size()
        writer.transport.abort()

    assert request.body == b""
    assert server.bytes_received < 1_000_000
    assert unsent > size / 2
    assert not await reader.read()


async def test_leaving_cuts_every_connection_and_leaves_no_task(client):
    """A fault server owns its connections to the end."""
    async with ScriptedServer(Step.hang()) as server:
        call = asyncio.create_task(post(client, server.origin))
        await server.received()

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await call
    assert server.disconnections == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


# The proxy


async def test_a_proxy_without_plans_changes_nothing(client):
    """The proxy itself is no fault."""
    async with ScriptedServer(Step.reply(body=b"picture")) as server, FaultProxy(server.port) as proxy:
        reply = await post(client, proxy.origin, data=b"prompt")

    assert reply == (200, b"picture")
    assert proxy.forwarded["up"] == server.bytes_received
    assert proxy.forwarded["down"] == len(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\npicture")


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        (ProxyPlan(down=Flow(cut_after=0, end=End.RST)), aiohttp.ClientOSError),
        (ProxyPlan(down=Flow(cut_after=0)), aiohttp.ServerDisconnectedError),
        (ProxyPlan(down=Flow(cut_after=50, end=End.RST)), aiohttp.ClientPayloadError),
        (ProxyPlan(down=Flow(cut_after=50)), aiohttp.ClientPayloadError),
        (ProxyPlan(up=Flow(cut_after=50)), aiohttp.ServerDisconnectedError),
        (ProxyPlan(down=Flow(cut_after=50, end=End.SILENCE)), aiohttp.SocketTimeoutError),
        (ProxyPlan(up=Flow(cut_after=50, end=End.SILENCE)), aiohttp.SocketTimeoutError),
    ],
)
async def test_a_cut_comes_after_the_bytes_it_was_set_to(client, plan, error):
    """Both directions can end anywhere, in order, by a reset or in silence."""
    timeout = aiohttp.ClientTimeout(total=None, sock_read=0.1)
    async with (
        ScriptedServer(Step.reply(body=bytes(100))) as server,
        FaultProxy(server.port, plan) as proxy,
    ):
        with pytest.raises(error):
            await post(client, proxy.origin, timeout=timeout)

    if plan.up.cut_after:
        assert (proxy.forwarded, server.requests) == ({"up": 50, "down": 0}, [])
    else:
        assert proxy.forwarded["down"] == plan.down.cut_after


async def test_each_connection_has_its_own_plan(client):
    """A first connection that dies says nothing of the second."""
    plans = ProxyPlan(down=Flow(cut_after=0)), ProxyPlan()
    async with ScriptedServer(Step.reply()) as server, FaultProxy(server.port, *plans) as proxy:
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await post(client, proxy.origin)
        reply = await post(client, proxy.origin)

    assert reply == (200, b"")


async def test_a_sliced_flow_is_slow_and_whole(client):
    """Slicing delays bytes and loses none."""
    plan = ProxyPlan(down=Flow(piece=20, delay=0.01))
    async with ScriptedServer(Step.reply(body=bytes(100))) as server, FaultProxy(server.port, plan) as proxy:
        started = time.monotonic()
        reply = await post(client, proxy.origin)

    assert reply == (200, bytes(100))
    assert time.monotonic() - started >= 0.07


async def test_a_frozen_proxy_is_silent_and_a_thawed_one_goes_on(client):
    """A path can go dead under a request that was sent, and come back."""
    async with ScriptedServer(Step.hang(), Step.reply(body=b"late")) as server, FaultProxy(server.port) as proxy:
        lost = asyncio.create_task(post(client, proxy.origin))
        await server.received()
        proxy.freeze()
        late = asyncio.create_task(post(client, proxy.origin))
        await proxy.until(lambda: proxy.connections == 2)
        held_back = len(server.requests)
        proxy.thaw()
        reply = await late
        lost.cancel()

    assert held_back == 1
    assert reply == (200, b"late")


async def test_a_reset_upstream_resets_the_client(client):
    """An RST passes through, as it does through a router."""
    async with ScriptedServer(Step.rst()) as server, FaultProxy(server.port) as proxy:
        with pytest.raises(aiohttp.ClientOSError, match="104"):
            await post(client, proxy.origin)


# The sink


async def test_a_sink_nobody_reaches_stays_empty(client):
    """A redirect that is not followed brings the sink no connection and no byte; one that is followed shows."""
    async with (
        Sink(b"HTTP/1.1 204 No Content\r\n\r\n") as sink,
        ScriptedServer(Step.reply(307, headers={"Location": f"{sink.origin}/steal"})) as server,
    ):
        status, _ = await post(client, server.origin, allow_redirects=False)
        untouched = (sink.connections, sink.received)
        await post(client, server.origin)

    assert status == 307
    assert untouched == (0, b"")
    assert sink.received.startswith(b"POST /steal HTTP/1.1\r\n")


# Names


async def call_by_name(port, answers, **timeout):
    """POST to `a.test` as resolved by `answers`; return the status and the names that were asked for."""
    resolver = StubResolver({"a.test": answers})
    connector = aiohttp.TCPConnector(resolver=resolver)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(**timeout)) as client:
        status, _ = await post(client, f"http://a.test:{port}")
        return status, resolver.asked


@pytest.mark.parametrize("answer", [Dns.NXDOMAIN, Dns.SERVFAIL])
async def test_a_name_that_is_refused_is_a_dns_error(answer):
    """A resolver's refusal looks like the system's."""
    with pytest.raises(aiohttp.ClientConnectorDNSError) as caught:
        await call_by_name(80, answer)

    assert caught.value.errno == answer.value


async def test_a_name_server_that_hangs_uses_up_the_connect_timeout():
    """The `connect` time-out of aiohttp covers the resolver, and the error proves that nothing was sent."""
    with pytest.raises(aiohttp.ConnectionTimeoutError):
        await call_by_name(80, Dns.HANG, total=None, connect=0.02)


async def test_a_dead_address_before_a_live_one():
    """Several addresses are tried in turn."""
    async with ScriptedServer(Step.reply()) as server:
        answer = await call_by_name(server.port, ["127.0.0.99", "127.0.0.1"])

    assert answer == (200, ["a.test"])


# Connections that are never made


async def test_a_refused_connection(client):
    """A port nobody listens on is refused at once."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await post(client, f"http://127.0.0.1:{closed.getsockname()[1]}")

    assert caught.value.errno == 111


async def test_a_certificate_in_order_is_accepted(client, certificates):
    """The right certificate works, so the wrong ones fail for their own reason."""
    async with ScriptedServer(Step.reply(), ssl=certificates.good) as server:
        reply = await post(client, server.origin, ssl=certificates.client())

    assert reply == (200, b"")


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("expired", "certificate has expired"),
        ("wrong_host", "IP address mismatch"),
        ("unknown_authority", "unable to get local issuer certificate"),
    ],
)
async def test_a_wrong_certificate_is_refused_for_its_own_reason(client, certificates, fault, text):
    """Each certificate has exactly one thing wrong with it."""
    async with ScriptedServer(Step.reply(), ssl=getattr(certificates, fault)) as server:
        with pytest.raises(aiohttp.ClientConnectorCertificateError, match=text):
            await post(client, server.origin, ssl=certificates.client())

    assert server.requests == []


async def test_a_tls_handshake_that_hangs_uses_up_the_sock_connect_timeout(client):
    """A sink takes the ClientHello and says nothing."""
    async with Sink() as sink:
        with pytest.raises(aiohttp.ConnectionTimeoutError):
            await post(
                client,
                sink.origin.replace("http:", "https:"),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=0.05),
            )

    assert sink.received.startswith(b"\x16\x03")


async def test_https_to_a_plain_port(client):
    """A plain server's answer to a ClientHello names the mistake."""
    async with Sink(b"HTTP/1.1 400 Bad Request\r\n\r\n") as sink:
        with pytest.raises(aiohttp.ClientConnectorSSLError, match="WRONG_VERSION_NUMBER"):
            await post(client, sink.origin.replace("http:", "https:"))


@pytest.mark.parametrize(
    ("step", "error"), [(Step.rst(), aiohttp.ClientOSError), (Step.fin(), aiohttp.ServerDisconnectedError)]
)
async def test_cuts_are_the_same_over_tls(client, certificates, step, error):
    """TLS hides no reset and no close."""
    async with ScriptedServer(step, ssl=certificates.good) as server:
        with pytest.raises(error):
            await post(client, server.origin, ssl=certificates.client())


def test_certificates_hand_out_their_authority(certificates):
    """A service configured with `ca_file` can trust the test's authority."""
    context = ssl.create_default_context(cadata=certificates.ca_pem.decode())

    assert context.cert_store_stats()["x509_ca"] >= 1
