import io

import aiohttp
import pytest

from pixroute.testing.faults import ScriptedServer, Step

pytestmark = pytest.mark.slow  # each test starts a real proxy

NGINX_PAGE = (
    b"<html>\r\n<head><title>%b</title></head>\r\n<body>\r\n<center><h1>%b</h1></center>\r\n"
    b"<hr><center>%b</center>\r\n</body>\r\n</html>\r\n"
)


@pytest.fixture
async def client():
    """Give a session without time-outs."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        yield session


async def post(client, origin, data=b"prompt"):
    """Return the answer to a POST, with its body."""
    async with client.post(origin, data=data) as response:
        return response, await response.read()


async def test_nginx_passes_an_answer_through(client, nginx):
    """The proxy itself is no fault."""
    async with ScriptedServer(Step.reply(body=b"picture")) as server:
        response, body = await post(client, nginx(server.port))

    assert (response.status, body, server.requests[0].body) == (200, b"picture", b"prompt")


async def test_nginx_writes_504_when_its_upstream_hangs(client, nginx):
    """The page, its server header and the kept connection are the fingerprint of upstreams §6."""
    async with ScriptedServer(Step.hang()) as server:
        response, body = await post(client, nginx(server.port, timeout="100ms"))

    software = response.headers["Server"]
    assert response.status == 504
    assert software.startswith("nginx/")
    assert body == NGINX_PAGE % ((b"504 Gateway Time-out",) * 2 + (software.encode(),))
    assert response.headers["Connection"] == "keep-alive"


async def test_nginx_can_hide_its_version(client, nginx):
    """The shorter page has a fixed length."""
    async with ScriptedServer(Step.hang()) as server:
        response, body = await post(client, nginx(server.port, timeout="100ms", extra="server_tokens off;"))

    assert (response.status, response.headers["Server"], len(body)) == (504, "nginx", 160)


async def test_nginx_writes_502_when_its_upstream_resets(client, nginx):
    """A dead upstream is told from a slow one."""
    async with ScriptedServer(Step.rst()) as server:
        response, body = await post(client, nginx(server.port, extra="server_tokens off;"))

    assert (response.status, len(body)) == (502, 150)
    assert body == NGINX_PAGE % (b"502 Bad Gateway", b"502 Bad Gateway", b"nginx")


async def test_nginx_refuses_a_large_body_by_default(client, nginx):
    """Two megabytes of pictures in an edit are over its limit of one, and the upstream never hears of them."""
    async with ScriptedServer(Step.reply()) as server:
        response, body = await post(client, nginx(server.port), io.BytesIO(bytes(2_000_000)))

    assert (response.status, response.headers["Connection"]) == (413, "close")
    assert b"413 Request Entity Too Large" in body
    assert server.requests == []


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        (Step.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"), "ContentLengthError"),
        (Step.chunked([b"hello"], terminate=False), "TransferEncodingError"),
    ],
)
async def test_nginx_cuts_a_body_that_stalls(client, nginx, step, cause):
    """The 200 has gone out already, so all it can do is close."""
    async with ScriptedServer(step) as server:
        with pytest.raises(aiohttp.ClientPayloadError, match=cause):
            await post(client, nginx(server.port, timeout="100ms", extra="proxy_http_version 1.1;"))


async def test_haproxy_writes_504_when_its_upstream_hangs(client, haproxy):
    """No server header, lower-case names, and a sentence are the fingerprint of upstreams §6."""
    async with ScriptedServer(Step.hang()) as server:
        response, body = await post(client, haproxy(server.port, timeout="100ms"))

    assert (response.status, len(body)) == (504, 92)
    assert b"The server didn't respond in time." in body
    assert "Server" not in response.headers
    assert (b"cache-control", b"no-cache") in response.raw_headers


async def test_haproxy_writes_502_when_its_upstream_resets(client, haproxy):
    """A dead upstream is told from a slow one."""
    async with ScriptedServer(Step.rst()) as server:
        response, body = await post(client, haproxy(server.port))

    assert (response.status, len(body)) == (502, 107)
    assert b"The server returned an invalid or incomplete response." in body
