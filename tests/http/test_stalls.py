"""A loop that really stands still while an answer comes over a socket from another thread."""

import asyncio
import base64
import json
import os
import socket
import threading
import time

import pytest

from pixroute import Capabilities, HttpProvider, HttpSettings, Policy
from pixroute.events import BreakerChanged, LoopLagged
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
