"""The description of the routes, and that nothing a caller may send is answered by a 500."""

import asyncio
import json
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from pixroute.serve.openapi import openapi
from pixroute.serve.routes import ROUTES

POSTS = [
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/images",
    "/v1/chat/completions",
    "/v1beta/models/default:generateContent",
    "/v1beta/models/default:streamGenerateContent",
]
NAMES = [
    "prompt", "model", "n", "size", "resolution", "aspect_ratio", "output_format", "response_format", "stream", "image",
    "images", "image_url", "mask", "messages", "modalities", "image_config", "contents", "generationConfig", "parts",
    "role", "content", "text", "type", "url", "inlineData", "fileData", "imageConfig", "candidateCount", "user",
]  # fmt: skip
WORDS = [
    "a",
    "default",
    "user",
    "image",
    "1K",
    "16:9",
    "64x64",
    "png",
    "url",
    "data:,",
    "data:image/png;base64,",
    "\0",
    "",
]
PLAIN = some.none() | some.booleans() | some.integers(-3, 3) | some.floats() | some.text() | some.sampled_from(WORDS)
TREES = some.recursive(
    PLAIN, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.sampled_from(NAMES), inner, max_size=6)
)
BODIES = some.dictionaries(some.sampled_from(NAMES), TREES, max_size=8)


async def test_every_route_is_described(serve):
    """By the values that serve it; the choices of a path are written out."""
    served = await serve(public_url="https://pictures.example")

    async with served.get("/openapi.json") as answer:
        told = await answer.json()

    assert told["servers"] == [{"url": "https://pictures.example"}]
    assert set(POSTS[:4]) <= told["paths"].keys()
    assert "post" in told["paths"]["/v1beta/models/{model}:generateContent"]
    assert sum(len(methods) for methods in told["paths"].values()) == len(ROUTES) + 5
    assert "multipart/form-data" in told["paths"]["/v1/images/edits"]["post"]["requestBody"]["content"]
    assert not [path for path in told["paths"] if "[" in path or "|" in path]


def test_a_description_is_json():
    """Whatever the server."""
    assert json.loads(json.dumps(openapi(ROUTES, "http://127.0.0.1")))["openapi"] == "3.1.0"


async def test_figures_are_given_where_somebody_counts(serve):
    """In Prometheus's own form."""
    pytest.importorskip("prometheus_client")
    served = await serve()

    async with served.get("/metrics") as answer:
        assert (answer.status, "python_info" in await answer.text()) == (200, True)


@pytest.mark.slow  # many requests
@pytest.mark.parametrize("path", POSTS)
async def test_no_body_breaks_it(serve, path):
    """JSON of any shape under the names that are read: a picture or a sentence."""
    served = await serve()
    loop = asyncio.get_running_loop()

    async def ask(body):
        async with served.post(path, body) as answer:
            return answer.status, await answer.text()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(BODIES)
    def check(body):
        text = json.loads(json.dumps(body).replace("NaN", "0").replace("-Infinity", "0").replace("Infinity", "0"))
        status, told = asyncio.run_coroutine_threadsafe(ask(text), loop).result(20)
        assert status < 500, told

    await asyncio.to_thread(check)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /pictures/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET //evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://evil.example/v1/models HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\n\r\n",
        b"POST /v1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/models\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_odd_requests_are_refused(serve, raw):
    """Paths, hosts, lengths and bytes of every kind; the server goes on."""
    served = await serve()
    host, port = served.url.removeprefix("http://").split(":")

    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw)
    answer = b""
    if raw[:1] != b"\x16":
        answer = await asyncio.wait_for(reader.read(4096), 5)
    writer.close()

    assert not answer or 400 <= int(answer.split()[1]) < 500, answer
    async with served.get("/healthz") as alive:
        assert alive.status == 200


async def test_slow_bodies_end(serve):
    """A body that trickles has its time, and then its place is free."""
    served = await serve(body_timeout=0.1)
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )

    answer = await asyncio.wait_for(reader.read(4096), 5)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.slow  # opens two thousand connections
async def test_idle_connections_harm_nobody(serve):
    """Two thousand that say nothing, and a picture all the same."""
    served = await serve()
    host, port = served.url.removeprefix("http://").split(":")
    idle = []
    for _ in range(2000):
        sock = socket.socket()
        sock.settimeout(0)
        idle.append(sock)
        await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))

    async with served.post("/v1/images", {"prompt": "a", "size": "64x64"}) as answer:
        assert answer.status == 200
    for sock in idle:
        sock.close()
