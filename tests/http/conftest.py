"""What every test of the wire needs: an attempt that writes down what it is told, and a transport that is closed."""

import asyncio
import gc

import pytest
from attrs import define, field

from pixroute.http.body.sinks import Sinks
from pixroute.http.call import Auth, HttpSettings
from pixroute.http.endpoint import Endpoint
from pixroute.http.transport import Transport
from pixroute.http.wire.outgoing import outgoing
from pixroute.outcome import Stage
from pixroute.secret import Secret

KEY = "correct-horse-battery-staple"


@define
class NotedAttempt:
    """An `AttemptContext` that keeps stages and facts."""

    http: Transport
    into: object = None
    request_id: str = "req-1"
    ends_at: float = float("inf")
    cancelled: bool = False
    stages: list = field(factory=list)
    facts: dict = field(factory=dict)

    def reached(self, stage: Stage) -> None:
        """Keep the stage."""
        self.stages.append(stage)

    def note(self, **facts) -> None:
        """Keep the facts."""
        self.facts.update(facts)

    def progress(self, fraction: float) -> None:
        """Keep how far it is."""
        self.facts["progress"] = fraction

    async def in_thread(self, function, *args):
        """Run a function in a thread."""
        return await asyncio.to_thread(function, *args)


@pytest.fixture
async def transports():
    """Make transports that are closed, and leave nothing unclosed."""
    made = []

    def make(**options):
        made.append(Transport(**options))
        return made[-1]

    yield make
    for transport in made:
        await transport.aclose()
    gc.collect()


@pytest.fixture
def attempt(transports):
    """Give an attempt on a transport with the defaults."""
    return NotedAttempt(transports())


@pytest.fixture
def noted():
    """Make an attempt on any transport, a scripted one too."""
    return NotedAttempt


@pytest.fixture
def attempts(transports):
    """Make an attempt on a transport with these options."""

    def make(into=None, **options):
        return NotedAttempt(transports(**options), into=into)

    return make


def settings(server, **options):
    """Settings that lead to a server on this machine."""
    plaintext = "accept" if server.origin.startswith("http:") else "refuse"
    return HttpSettings(**{"base_url": server.origin, "api_key": Secret(KEY), "plaintext": plaintext} | options)


def endpoint(server, **options):
    """Give the place of a server on this machine."""
    return Endpoint.of(settings(server, **options), Auth())


@pytest.fixture
def place():
    """Give `endpoint`."""
    return endpoint


@pytest.fixture
def ask():
    """Send a call to a server and give what came of it."""

    async def ask(attempt, server, call, **options):
        place = endpoint(server, **options)
        request = outgoing(call, place, attempt.request_id)
        with Sinks(attempt.into) as sinks:
            return await attempt.http.exchange(request, endpoint=place, attempt=attempt, sinks=sinks)

    return ask
