"""A provider at work, through a real router and real sockets: pictures, errors, refusals, cancellation, secrets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from pixroute.http.provider import HttpProvider
from pixroute.outcome import Billing, FailureKind
from pixroute.provider import Provider
from pixroute.routing.router import Router
from pixroute.testing.conformance.stand import (
    EndedRequest,
    answer,
    ask,
    at,
    healthy,
    only_http,
    picture_for,
    play,
    router_of,
)
from pixroute.testing.conformance.upstream import KEY, Upstream
from pixroute.testing.conformance.words import check, smallest
from pixroute.testing.faults import ScriptedServer, Step

CANCEL_WITHIN = 2.0
"""Seconds after which nothing of a cancelled request may be left."""

SAID: Mapping[int, str] = {
    400: "The size is not allowed.",
    401: "Incorrect API key provided.",
    402: "Insufficient balance.",
    403: "This key may not use the model.",
    404: "The model does not exist.",
    429: "Too many requests.",
    500: "Something went wrong.",
    503: "Try again later.",
}
"""What upstreams say with each status."""


class WireChecks:
    """Checks of whole requests."""

    upstream: ClassVar[Upstream | None]
    errors: ClassVar[Mapping[int, FailureKind]]
    supports_running: ClassVar[bool]

    @pytest.fixture
    def known(self) -> Upstream:
        """Give the upstream, or skip the test."""
        if self.upstream is None:
            pytest.skip("set `upstream` to have this tested")
        return self.upstream

    def test_a_picture_arrives(self, http_provider: HttpProvider[Any], known: Upstream) -> None:
        """One call, its key in its header, and the picture is what the upstream sent."""
        request = smallest(http_provider.capabilities())
        ended = ask(http_provider, request, *healthy(known, request))

        check(
            ended.result, f"A healthy answer was not understood: {ended.error}", "Every picture is paid for and lost."
        )
        assert ended.result is not None  # for the type checker
        content = ended.result.image.content.data()
        check(
            content == picture_for(request), "Another picture arrived than was sent.", "It is what the caller paid for."
        )
        check(ended.posts == 1, f"{ended.posts} calls were sent for one picture.", "Each may be billed.")
        _check_key(ended)

    @pytest.mark.parametrize("status", SAID)
    def test_errors_are_understood(self, http_provider: HttpProvider[Any], status: int) -> None:
        """Each status, with the words that go with it, becomes the kind that `errors` says."""
        ended = _ask_in_vain(http_provider, self.upstream or Upstream(healthy={}), status, SAID[status])
        failure, expected = ended.failure, self.errors[status]

        check(
            failure and failure.kind is expected,
            f"{status} saying {SAID[status]!r} counts as {failure and failure.kind}, not {expected}: {failure}",
            "The kind decides who is asked next, for how long this provider rests, and what is assumed to be billed. "
            "If the words stand in an unusual place, read them in `classify`.",
        )

    @pytest.mark.parametrize("status", [429, 503])
    def test_hints_are_kept(self, http_provider: HttpProvider[Any], status: int) -> None:
        """The seconds of Retry-After are in the failure."""
        ended = ask(
            http_provider,
            smallest(http_provider.capabilities()),
            Step.json({"error": {"message": SAID[status]}}, status, {"Retry-After": "7"}),
        )

        check(
            ended.failure and ended.failure.hint == 7,
            f"Retry-After: 7 beside {status} became the hint {ended.failure and ended.failure.hint}.",
            "The provider is asked again too early, or rests too long. A `Failure` of `classify` must carry `hint`.",
        )

    def test_refusals_are_understood(self, http_provider: HttpProvider[Any], known: Upstream) -> None:
        """A declined prompt is MODERATED, and billed as the capabilities say."""
        if known.refusal is None:
            pytest.skip("set `refusal` of `upstream` to have this tested")
        ended = ask(
            http_provider,
            smallest(http_provider.capabilities()),
            *map(answer, known.before),
            answer(known.refusal, status=known.refusal_status),
        )

        failure = ended.failure
        check(
            failure and failure.kind is FailureKind.MODERATED,
            f"A refusal counts as {failure and failure.kind}: {failure}",
            "The same prompt is sent to the next provider, and paid for, where the caller should be told to change it; "
            "and this provider is thought to be ill. Recognise it in `classify`.",
        )
        if failure and known.refusal_status == 200 and http_provider.capabilities().bills_refusals:
            check(
                failure.billing is Billing.BILLED,
                f"A refusal costs its price, but counts as {failure.billing}.",
                "Money limits count what is billed.",
            )

    def test_cancelling_leaves_nothing(self, provider: Provider) -> None:
        """Within 2 s the call has ended, its task and its connection too."""
        if isinstance(provider, HttpProvider):
            play(lambda: _cancel_on_the_wire(provider))
        elif self.supports_running:
            play(lambda: _cancel(provider, None))

    def test_a_picture_is_made(self, provider: Provider) -> None:
        """A provider without HTTP makes one of the size asked, on this machine."""
        if isinstance(provider, HttpProvider) or not self.supports_running:
            pytest.skip("nothing is made on this machine")

        async def make() -> tuple[int, int]:
            async with router_of(provider) as router:
                result = await router.generate(smallest(provider.capabilities()))
                return result.image.width, result.image.height

        assert min(play(make)) > 0

    def test_secrets_are_not_told(
        self, provider: Provider, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Not even when the upstream says the key itself: not in failure, record, log or output."""
        caplog.set_level(logging.DEBUG)
        known = self.upstream or Upstream(healthy={})
        ended = _ask_in_vain(only_http(provider), known, 401, f"Incorrect API key: {KEY.reveal()}")

        told = {
            "error": f"{ended.error} {ended.error!r}",
            "failure": f"{ended.failure} {ended.failure!r}",
            "record": repr(ended.error.record if ended.error else None),
            "provider": f"{ended.provider!r} {vars(ended.provider)}",
            "log": caplog.text,
            "output": "".join(capfd.readouterr()),
            "URL": " ".join(request.path for request in ended.server.requests),
        }
        for where, text in told.items():
            check(
                KEY.reveal() not in text,
                f"The key stands in the {where}.",
                "Logs and errors are read by many; a `Failure` of `classify` must not repeat what the upstream said.",
            )


def _ask_in_vain(provider: HttpProvider[Any], known: Upstream, status: int, words: str) -> EndedRequest:
    return ask(provider, smallest(provider.capabilities()), answer(known.error, status=status, message=words))


def _check_key(ended: EndedRequest) -> None:
    auth, first = ended.provider.auth, ended.server.requests[0]
    if auth is None:
        return
    check(
        first.headers.get(auth.header) == auth.pattern.format(key=KEY.reveal()),
        f"The first call had no header {auth.header} with the key.",
        "The upstream answers 401, and the account rests for it.",
    )


async def _cancel_on_the_wire(provider: HttpProvider[Any]) -> None:
    async with ScriptedServer(Step.hang()) as server:
        await _cancel(at(provider, server.origin), server)


async def _cancel(provider: Provider, server: ScriptedServer | None) -> None:
    ours, started = asyncio.all_tasks(), asyncio.Event()
    async with router_of(provider, on_start=started.set) as router:
        asking = asyncio.create_task(router.generate(smallest(provider.capabilities())))
        await (server.received() if server else started.wait())
        asking.cancel()
        await asyncio.wait(asyncio.all_tasks() - ours, timeout=CANCEL_WITHIN)
        left = [task for task in asyncio.all_tasks() - ours if not task.done()]
        check(
            not left,
            f"{CANCEL_WITHIN:.0f} s after the cancellation there is still {left}.",
            "Losers of a race are cancelled; those that go on keep a connection and a slot. Let `CancelledError` pass.",
        )
        check(asking.cancelled(), f"The cancelled call gave {asking}.", "Whoever cancels must learn that it worked.")
        check(
            await _all_free(router),
            f"{CANCEL_WITHIN:.0f} s after the cancellation its slot is still taken.",
            "Nobody else gets it. A thread cannot be stopped: it must look at `attempt.cancelled` now and then.",
        )


async def _all_free(router: Router) -> bool:
    """Look until nothing is counted as in flight: a thread ends when it ends, and tells nobody."""
    loop = asyncio.get_running_loop()
    until = loop.time() + CANCEL_WITHIN
    while any(entry.in_flight for entry in router.health()):
        if loop.time() > until:
            return False
        await asyncio.sleep(0.01)
    return True
