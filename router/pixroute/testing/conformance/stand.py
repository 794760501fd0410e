"""A provider on the test stand: before a scripted upstream, asked through a real router."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from attrs import evolve, frozen
from pybase64 import b64encode_as_string

from pixroute.errors import RequestFailed
from pixroute.events import AnyEvent, AttemptStarted
from pixroute.http.pace import Pace
from pixroute.http.provider import HttpProvider
from pixroute.http.transport import Transport
from pixroute.outcome import Failure
from pixroute.policy import Policy, RetryPolicy
from pixroute.provider import Provider
from pixroute.request import ImageRequest
from pixroute.result import ImageResult
from pixroute.routing.router import Router
from pixroute.testing.conformance.upstream import BODY, KEY, MESSAGE, ORIGIN, PICTURE, PICTURE_URL, Upstream, filled
from pixroute.testing.conformance.words import check, fail
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step
from pixroute.testing.faults.listener import Peer

T = TypeVar("T")

LONGEST = 20.0
"""Seconds that one scenario may take; each takes a few milliseconds."""
ONCE = Policy(max_attempts=1, retry=RetryPolicy(quick=False, rounds=()))


def only_http(provider: Provider) -> HttpProvider[Any]:
    """Give an HTTP provider, or skip the test."""
    if not isinstance(provider, HttpProvider):
        pytest.skip("this provider does not speak HTTP")
    return provider


def at(provider: HttpProvider[Any], origin: str) -> HttpProvider[Any]:
    """Give the same provider at another address, with the kit's key."""
    settings = evolve(
        provider.settings,
        base_url=origin + urlsplit(provider.settings.base_url).path,
        api_key=KEY if provider.auth else None,
        plaintext="accept",
        proxy=None,
        ca_file=None,
        allow_private_results=True,
    )
    return type(provider)(provider.name, settings)


def answer(
    body: Any,
    *,
    status: int = 200,
    picture: bytes = b"",
    message: str = "",
    headers: Mapping[str, str] | None = None,
    at: str = "",
) -> Step:
    """Answer with a body, its placeholders filled; `at`: the origin of its URLs, by default the server's own."""
    if body == BODY:
        return Step.reply(status, picture, {"Content-Type": "image/png", **(headers or {})})

    async def run(peer: Peer) -> None:
        host, port = peer.writer.get_extra_info("sockname")
        origin = at or f"http://{host}:{port}"
        known = {
            ORIGIN: origin,
            PICTURE: b64encode_as_string(picture),
            PICTURE_URL: f"{origin}/picture.png",
            MESSAGE: message,
        }
        await Step.json(filled(body, known), status, headers or {}).run(peer)

    return Step(run)


@frozen(kw_only=True)
class EndedRequest:
    """How a request ended, and what the upstream saw of it."""

    provider: HttpProvider[Any]
    result: ImageResult | None
    error: RequestFailed | None
    server: ScriptedServer

    @classmethod
    async def of(
        cls, router: Router, provider: HttpProvider[Any], request: ImageRequest, server: ScriptedServer
    ) -> EndedRequest:
        """Ask once, and keep how it ended."""
        try:
            return cls(provider=provider, result=await router.generate(request), error=None, server=server)
        except RequestFailed as failed:
            return cls(provider=provider, result=None, error=failed, server=server)

    @property
    def failure(self) -> Failure | None:
        """Why the one attempt brought no picture."""
        record = self.error.record if self.error else self.result.record if self.result else None
        return record.attempts[-1].failure if record and record.attempts else None

    @property
    def posts(self) -> int:
        """How many calls arrived that may cost money."""
        return sum(request.method == "POST" for request in self.server.requests)


def healthy(upstream: Upstream, request: ImageRequest, picture: bytes = b"", *, at: str = "") -> list[Step]:
    """Give the whole conversation that ends in a picture; by default a valid one of the size asked.

    `at`: the origin of all URLs in it.
    """
    picture = picture or picture_for(request)
    bodies = (*upstream.before, upstream.healthy)
    return [*(answer(body, picture=picture, at=at) for body in bodies), Step.reply(200, picture)]


def picture_for(request: ImageRequest) -> bytes:
    """Give a valid picture of the size asked."""
    return blank_png(*request.size.nominal()) if request.size else blank_png(1024, 1024)


def ask(provider: HttpProvider[Any], request: ImageRequest, *script: Step) -> EndedRequest:
    """Ask once, through a router, before an upstream that follows the script."""
    return play(lambda: _ask(provider, request, *script))


async def _ask(provider: HttpProvider[Any], request: ImageRequest, *script: Step) -> EndedRequest:
    async with ScriptedServer(*script) as server:
        before = at(provider, server.origin)
        async with router_of(before) as router:
            return await EndedRequest.of(router, before, request, server)


def router_of(provider: Provider, *, on_start: Callable[[], object] = lambda: None) -> Router:
    """Give a router of this provider alone, which asks once; `on_start` is called when it does."""

    def observe(event: AnyEvent) -> None:
        if isinstance(event, AttemptStarted):
            on_start()

    return Router(
        providers={"tested": provider},
        chains={"default": ["tested"]},
        policy=ONCE,
        observers={"conformance": observe},
        transport=Transport(pace=Pace(first_poll=0.01, longest_poll=0.01, fetch=2.0, fetch_pause=0.01)),
    )


def play(scenario: Callable[[], Awaitable[T]]) -> T:
    """Run a scenario on a loop of its own; nothing of it may be left when it ends."""

    async def watched() -> T:
        try:
            async with asyncio.timeout(LONGEST):
                result = await scenario()
        except TimeoutError:
            fail(f"The request did not end within {LONGEST:.0f} s.", "A caller would wait for ever.")
        left = asyncio.all_tasks() - {asyncio.current_task()}
        check(not left, f"Tasks were left behind: {left}.", "A service that runs for weeks drowns in them.")
        return result

    with asyncio.Runner() as runner:
        return runner.run(watched())
