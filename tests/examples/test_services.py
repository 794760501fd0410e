"""The services of examples/ as processes of their own: SIGTERM loses nothing that ends within the drain."""

import asyncio
import base64
import gzip
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pixroute.testing.fake import blank_png

EXAMPLES = Path(__file__).parents[2] / "examples"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PICTURE = base64.b64encode(blank_png(1024, 1024)).decode()
CONFIGURATION = """
[chains]
default = ["openai"]
[providers.openai]
type = "openai-images"
api_key = {{ env = "OPENAI_API_KEY" }}
base_url = "{url}v1"
plaintext = "accept"
send_traceparent = true
[policy.retry]
quick = false
rounds = []
"""

pytestmark = pytest.mark.slow  # whole processes


class Upstream:
    """Makes a picture in `seconds`, and collects traces."""

    def __init__(self):
        self.seconds, self.asked, self.left = 0.0, asyncio.Event(), 0
        self.waiting, self.spans, self.headers = 0, [], []
        app = web.Application()
        app.add_routes([web.post("/v1/images/generations", self.draw), web.post("/v1/traces", self.collect)])
        self.server = TestServer(app)

    async def draw(self, request):
        """Make a picture."""
        self.headers.append(request.headers)
        self.waiting += 1
        self.asked.set()
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.left += 1
            raise
        finally:
            self.waiting -= 1
        return web.json_response({"data": [{"b64_json": PICTURE}]})

    async def collect(self, request):
        """Take spans."""
        body = await request.read()  # aiohttp undoes the compression
        body = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        export = ExportTraceServiceRequest.FromString(body)
        self.spans += [span for one in export.resource_spans for scope in one.scope_spans for span in scope.spans]
        return web.Response(content_type="application/x-protobuf")

    async def until_waiting(self, count):
        """Wait until so many pictures are being made."""
        async with asyncio.timeout(30):
            while self.waiting < count:
                self.asked.clear()
                await self.asked.wait()


class Service:
    """A service in its process, and a client of it."""

    def __init__(self, process, url):
        self.process, self.url = process, url
        self.client = aiohttp.ClientSession(url)

    async def generate(self, **headers):
        """Ask for a picture; give the status and the answer's body or document."""
        wish = {"prompt": "A lighthouse", "size": "1K", "timeout": 60}
        async with self.client.post("/generate", json=wish, headers=headers) as answer:
            picture = answer.content_type.startswith("image/")
            return answer.status, (await answer.read() if picture else await answer.json())

    async def end(self):
        """Send SIGTERM and wait; give the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 30)


@pytest.fixture
async def upstream():
    """The upstream, on a port of its own."""
    upstream = Upstream()
    await upstream.server.start_server()
    yield upstream
    await upstream.server.close()


@pytest.fixture(params=["service.py", "service_fastapi.py"])
async def service(request, upstream, unused_tcp_port, tmp_path):
    """Start a service whose drain takes at most `drain` seconds."""
    started = []

    async def start(drain):
        url = str(upstream.server.make_url("/"))
        (tmp_path / "pixroute.toml").write_text(CONFIGURATION.format(url=url))
        environment = os.environ | {
            "OPENAI_API_KEY": "any-key-will-do",
            "DRAIN": str(drain),
            "OTEL_EXPORTER_OTLP_ENDPOINT": url.rstrip("/"),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLES / request.param),
            str(tmp_path / "pixroute.toml"),
            str(unused_tcp_port),
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        started.append(Service(process, f"http://127.0.0.1:{unused_tcp_port}"))
        async with asyncio.timeout(60):
            while not await listens(unused_tcp_port):  # noqa: ASYNC110 - a process tells by listening
                await asyncio.sleep(0.05)
        return started[-1]

    yield start
    for each in started:
        await each.client.close()
        if each.process.returncode is None:
            each.process.kill()
            await each.process.wait()


async def listens(port):
    """Tell whether somebody listens."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_sigterm_loses_nothing_that_ends_within_the_drain(service, upstream):
    """Thirty requests in flight, each with its picture; then nobody listens and the exit is clean."""
    upstream.seconds = 2.0
    running = await service(drain=30)
    requests = [asyncio.create_task(running.generate()) for _ in range(30)]
    await upstream.until_waiting(30)

    status = await running.end()
    answers = await asyncio.gather(*requests)

    assert Counter(code for code, _ in answers) == {200: 30}
    assert {body[:4] for _, body in answers} == {b"\x89PNG"}
    assert status in {0, -signal.SIGTERM}  # uvicorn passes the signal on when it has ended


async def test_what_does_not_end_in_time_is_told_what_it_may_cost(service, upstream):
    """503 with the request's id and its cost, not a broken connection."""
    upstream.seconds = 60.0
    running = await service(drain=1)
    requests = [asyncio.create_task(running.generate()) for _ in range(3)]
    await upstream.until_waiting(3)

    await running.end()
    answers = await asyncio.gather(*requests)

    assert [code for code, _ in answers] == [503] * 3
    assert {"error", "request", "cost"} == answers[0][1].keys()


async def test_a_request_leaves_a_trace_below_its_callers_and_metrics(service, upstream):
    """From the caller's header to the upstream's, in one trace."""
    running = await service(drain=5)

    status, _ = await running.generate(traceparent=PARENT)
    async with running.client.get("/metrics") as answer:
        shown = await answer.text()
    async with running.client.get("/healthz") as answer:
        health = await answer.json()
    await running.end()

    request, attempt = (next(span for span in upstream.spans if word in span.name) for word in ("content", "attempt"))
    sent = upstream.headers[0]["traceparent"].split("-")
    parents = {span.span_id.hex(): span.parent_span_id.hex() for span in upstream.spans}
    caller = parents[request.span_id.hex()]
    while caller in parents:  # a framework may make a span of its own in between
        caller = parents[caller]
    assert status == 200
    assert 'pixroute_requests_total{chain="default",outcome="picture"} 1.0' in shown
    assert health["status"] == "ok"
    assert request.trace_id.hex() == attempt.trace_id.hex() == sent[1] == PARENT.split("-")[1]
    assert caller == PARENT.split("-")[2]
    assert sent[2] == attempt.span_id.hex()


async def test_who_has_left_needs_no_picture(service, upstream):
    """A closed connection ends its request, and the call of the upstream with it."""
    upstream.seconds = 60.0
    running = await service(drain=1)
    request = asyncio.create_task(running.generate())
    await upstream.until_waiting(1)

    request.cancel()
    await asyncio.wait([request])
    async with asyncio.timeout(10):
        while upstream.waiting:  # noqa: ASYNC110 - within two turns of its loop
            await asyncio.sleep(0.05)

    async with running.client.get("/metrics") as answer:
        assert 'pixroute_requests_total{chain="default",outcome="cancelled"} 1.0' in await answer.text()
