"""A loop that really stands still while an answer comes over a socket from another thread."""

import asyncio
import base64
import json
import os
import socket
import threading
import time
from contextlib import suppress

import pytest

from pixroute import Capabilities, HttpProvider, HttpSettings, Policy
from pixroute.events import BreakerChanged, LoopLagged
from pixroute.http import Finished, Job, JobProvider
from pixroute.http.call import Call
from pixroute.http.pace import Pace
from pixroute.http.transport import Transport
from pixroute.routing.router import Router
from pixroute.secret import Secret
from pixroute.testing import FakeProvider
from pixroute.testing.fake import blank_png

SMALL = blank_png(1024, 1024)
LARGE = SMALL[:-12] + (2_600_000).to_bytes(4, "big") + b"teXt" + os.urandom(2_600_000) + bytes(4) + SMALL[-12:]


class Upstream:
    """Answers from threads: a part at once, the rest after a time, whatever the loop is doing."""

    def __init__(self, picture, *, first, after):
        document = json.dumps({"data": [{"b64_json": base64.b64encode(picture).decode()}]}).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(document)
        self._answer, self._first, self._after = head + document, first, after
        self.calls = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.calls += 1
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer:
            peer.recv(65536)
            peer.sendall(self._answer[: self._first])
            time.sleep(self._after)
            peer.sendall(self._answer[self._first :])


class Acme(HttpProvider[HttpSettings]):
    """A provider that gives its pictures as base64."""

    def capabilities(self):
        """One at a time."""
        return Capabilities()

    def encode(self, request):
        """Ask."""
        return Call.post("images", json={"prompt": request.prompt})

    def decode(self, reply):
        """Give what is there."""
        return [item["b64_json"] for item in reply.json["data"]]


def acme(port):
    """Make one that leads to a port of this machine."""
    settings = HttpSettings(base_url=f"http://127.0.0.1:{port}", plaintext="accept", api_key=Secret("k" * 20))
    return Acme("main", settings)


SLOW = pytest.mark.slow  # the loop stands still for that long


@pytest.mark.parametrize("stall", [0.3, pytest.param(2, marks=SLOW), pytest.param(6, marks=SLOW)])
@pytest.mark.parametrize("in_flight", [1, 3, 10, 40])
@pytest.mark.parametrize(("picture", "first"), [(SMALL, 0), (SMALL, 300), (LARGE, 0), (LARGE, 300_000)])
@pytest.mark.slow  # forty pictures of 2.6 MB take their time
async def test_what_came_while_the_loop_stood_still_is_taken(stall, in_flight, picture, first):
    """In time, though every limit has passed when we look: the attempt's, the body's silence, its pace, the hedge."""
    seen, fallback = [], FakeProvider()
    pace = Pace(body_idle=0.25, grace=0.2)
    policy = Policy(attempt_timeout=1.0)
    with Upstream(picture, first=first, after=0.15) as upstream:
        router = Router(
            providers={"main": acme(upstream.port), "fallback": fallback},
            chains={"default": ["main", "fallback"]},
            policy=policy,
            transport=Transport(pace=pace),
            observers={"seen": seen.append},
        )
        async with router:
            tasks = [asyncio.create_task(router.generate(f"picture {number}")) for number in range(in_flight)]
            while upstream.calls < in_flight:  # noqa: ASYNC110 - threads count them
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.02)
            time.sleep(stall)  # noqa: ASYNC251 - the loop is blocked: that is what is tested
            results = await asyncio.gather(*tasks)

    lost = [(f.message, a.seconds) for r in results for a in r.record.attempts if (f := a.failure)]
    assert lost == []
    assert [result.provider for result in results] == ["main"] * in_flight
    assert (fallback.calls, upstream.calls) == ([], in_flight)
    assert not [event for event in seen if isinstance(event, BreakerChanged)]
    assert stall < 0.5 or any(isinstance(event, LoopLagged) and event.seconds > stall - 0.3 for event in seen)


class Staged:
    """Answers from threads as a stage wants: a picture at a URL, a job, a body in two parts; counts who got there."""

    def __init__(self, picture, stage, *, breaks=0):
        self._picture, self._stage, self._breaks = picture, stage, breaks
        self._there = 0
        self._lock = threading.Lock()
        self.bought = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    async def reached(self, count):
        """Wait until so many stand at the stage."""
        while self._there < count:  # noqa: ASYNC110 - threads count them
            await asyncio.sleep(0.001)

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with suppress(OSError), peer, peer.makefile("rb") as stream:
            while line := stream.readline():
                head = dict(iter(lambda: tuple(stream.readline().split(b": ", 1)), (b"\r\n",)))
                if b"POST" in line and self._stage == "send":
                    self._stand()
                stream.read(int(head.get(b"Content-Length", 0)))
                self._answer(peer, line.split()[1])

    def _stand(self):
        with self._lock:
            self._there += 1
        time.sleep(BETWEEN)

    def _answer(self, peer, path):
        if path != b"/images" and self._breaks > 0:
            self._breaks -= 1
            self._stand()
            return peer.shutdown(socket.SHUT_RDWR)
        if path == b"/images":
            self.bought += 1
            if self._stage in {"connect", "wait"}:
                self._stand()
            if self._stage == "poll":
                return peer.sendall(_http(b'{"job": "jobs/1"}'))
            if self._stage == "fetch":
                return peer.sendall(_http(json.dumps({"data": [{"url": "a.png"}]}).encode()))
        elif path == b"/a.png":
            self._stand()
            return peer.sendall(_http(self._picture, b"image/png"))
        elif self._stage == "poll":
            self._stand()
        answer = _http(json.dumps({"data": [{"b64_json": base64.b64encode(self._picture).decode()}]}).encode())
        if self._stage == "body":
            peer.sendall(answer[: len(answer) // 2])
            self._stand()
            return peer.sendall(answer[len(answer) // 2 :])
        return peer.sendall(answer)


BETWEEN = 0.1
"""Seconds after which an upstream goes on that stands at the stage."""


def _http(body, kind=b"application/json"):
    return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(body)) + body


class Patient(JobProvider[HttpSettings]):
    """Takes a picture, its URL or a job; its prompt is long enough to be sent in more than one piece."""

    def capabilities(self):
        """One at a time."""
        return Capabilities()

    def encode(self, request):
        """Ask."""
        return Call.post("images", json={"prompt": request.prompt})

    def accepted(self, reply):
        """Read the job."""
        return Job(id="1", poll=reply.json["job"])

    def progress(self, reply):
        """Read a poll: it is done when it is answered."""
        return Finished()

    def decode(self, reply):
        """Give what is there."""
        items = [item.get("b64_json") or item["url"] for item in reply.json["data"]]
        return [f"{self.endpoint.base_url}/{item}" if item == "a.png" else item for item in items]

    async def _conclude(self, reply, told, door, sinks):
        """Take an answer without a job for the pictures themselves."""
        if "job" in reply.json:
            return await super()._conclude(reply, told, door, sinks)
        return await self._collect(reply, told, door, sinks)


LIMITS = {"connect": 20.0, "send": 20.0}
"""Seconds of every limit, 3 elsewhere: what was not sent before the machine stood still needs its time after."""
STAGES = ("connect", "send", "wait", "body", "fetch", "poll")
STALLS = (0.3, 2, 6, 60, 600)
MATRIX = [
    *((stage, stall, number, SMALL) for stage in STAGES for stall in STALLS for number in (1, 3, 10, 40)),
    *((stage, stall, number, LARGE) for stage in STAGES for stall in (2, 600) for number in (1, 10)),
]


@pytest.mark.parametrize(
    ("stage", "stall", "in_flight", "picture"),
    MATRIX,
    ids=lambda value: f"{len(value) // 1000} kB" if isinstance(value, bytes) else str(value),
)
@pytest.mark.slow  # some hundred requests over sockets
async def test_what_came_while_the_machine_stood_still_is_taken(stage, stall, in_flight, picture, monkeypatch):
    """At every stage: no time-out, no opening, nothing is bought twice, and no fallback is asked."""
    await stood_still(stage, stall, in_flight, picture, monkeypatch)


@pytest.mark.parametrize("stage", ["fetch", "poll"])
@pytest.mark.slow  # what is cut is asked again after some time
async def test_what_was_cut_while_the_machine_slept_is_asked_for_again(stage, monkeypatch):
    """The time in which a paid picture may be asked for again ran out in the machine's sleep: it was lost."""
    await stood_still(stage, 600, 1, SMALL, monkeypatch, breaks=3)


async def stood_still(stage, stall, in_flight, picture, monkeypatch, **options):
    """Ask so many times, let the machine stand still at that stage, and see that everybody has a picture."""
    loop, seen, fallback = asyncio.get_running_loop(), [], FakeProvider()
    was, gone, limit = loop.time, 0.0, LIMITS.get(stage, 3.0)
    monkeypatch.setattr(loop, "time", lambda: was() + gone)
    prompt = "x" * (3_000_000 if stage == "send" and in_flight <= 10 else 20)
    with Staged(picture, stage, **options) as upstream:
        settings = HttpSettings(
            base_url=f"http://127.0.0.1:{upstream.port}",
            plaintext="accept",
            api_key=Secret("k" * 20),
            allow_private_results=True,
        )
        router = Router(
            providers={"main": Patient("main", settings), "fallback": fallback},
            chains={"default": ["main", "fallback"]},
            policy=Policy(attempt_timeout=limit),
            transport=Transport(
                pace=Pace(
                    body_idle=limit, send_idle=limit, fetch=limit, connect=limit, first_poll=0.01, fetch_pause=0.1
                )
            ),
            observers={"seen": seen.append},
        )
        async with router:
            tasks = [asyncio.create_task(router.generate(prompt)) for _ in range(in_flight)]
            if stage == "connect":
                await asyncio.sleep(0)
            else:
                await upstream.reached(in_flight)
            time.sleep(2 * BETWEEN)  # noqa: ASYNC251 - the loop is blocked: that is what is tested
            gone = stall
            results = await asyncio.gather(*tasks)

    lost = [(f.message, a.seconds) for r in results for a in r.record.attempts if (f := a.failure)]
    assert lost == []
    assert (fallback.calls, upstream.bought) == ([], in_flight)
    assert not [event for event in seen if isinstance(event, BreakerChanged)]
