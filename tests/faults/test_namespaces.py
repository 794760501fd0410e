import asyncio
import errno
import socket

import aiohttp
import pytest

pytestmark = pytest.mark.slow  # a server starts in a new network namespace


def keepalive_socket(address, idle):
    """Make a socket that asks after `idle` seconds whether its peer is there, and gives up a second later."""
    sock = socket.socket(*address[:3])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 1)
    return sock


@pytest.fixture
async def client(request):
    """Give a session with TCP keep-alive, after a second or as the test says, and without time-outs."""
    idle = getattr(request, "param", 1)
    connector = aiohttp.TCPConnector(socket_factory=lambda address: keepalive_socket(address, idle))
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:
        yield session


async def post(client, netns, **timeout):
    """Return the body of the answer to a POST."""
    async with client.post(netns.origin, timeout=aiohttp.ClientTimeout(total=None, **timeout)) as response:
        return await response.read()


async def test_a_whole_path_answers_when_told(client, netns):
    """The path itself is no fault, and the server waits for the test's word."""
    call = asyncio.create_task(post(client, netns))
    await netns.received()
    netns.answer()

    assert await call == b"late"


async def test_a_dropped_syn_uses_up_the_connect_timeout(client, netns):
    """Nothing refuses the connection; a path that is healed lets the next one through."""
    netns.drop_syn()
    with pytest.raises(aiohttp.ConnectionTimeoutError):
        await post(client, netns, sock_connect=0.1)

    netns.heal()
    netns.answer()
    assert await post(client, netns) == b"late"


async def test_a_path_that_goes_silent_is_found_out_by_keepalive(client, netns):
    """The kernel ends a request whose path drops everything; its error is no TimeoutError."""
    call = asyncio.create_task(post(client, netns))
    await netns.received()
    netns.drop()

    with pytest.raises(aiohttp.ClientOSError) as caught:
        await call
    assert caught.value.errno == errno.ETIMEDOUT
    assert not isinstance(caught.value, TimeoutError)


async def test_a_router_that_forgot_the_connection_resets_it(client, netns):
    """The keep-alive probe that comes too late brings the RST."""
    call = asyncio.create_task(post(client, netns))
    await netns.received()
    netns.forget()

    with pytest.raises(aiohttp.ClientOSError) as caught:
        await call
    assert caught.value.errno == errno.ECONNRESET


@pytest.mark.parametrize("client", [2], indirect=True)
async def test_a_connection_idle_for_too_long_expires_in_the_router(client, netns):
    """Keep-alive that begins after the router's time-out comes too late."""
    netns.expire_after(1)
    call = asyncio.create_task(post(client, netns))
    await netns.received()

    with pytest.raises(aiohttp.ClientOSError) as caught:
        await call
    assert caught.value.errno == errno.ECONNRESET
