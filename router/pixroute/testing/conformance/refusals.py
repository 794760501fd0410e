"""A prompt that is declined, in every form that its upstream has for it."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from pixroute.http.provider import HttpProvider
from pixroute.outcome import Billing, FailureKind
from pixroute.testing.conformance.stand import EndedRequest, answer, ask, picture_for
from pixroute.testing.conformance.upstream import Refusal, Upstream
from pixroute.testing.conformance.words import check, smallest
from pixroute.testing.faults import Step

_BILLING = {True: {Billing.BILLED}, False: {Billing.FREE}, None: {Billing.AMBIGUOUS}}


class RefusalChecks:
    """Checks of `upstream.refusals`: a job's status, a flag, a missing picture, an error."""

    upstream: ClassVar[Upstream | None]

    def test_every_form_of_refusal_is_understood(self, http_provider: HttpProvider[Any]) -> None:
        """Each is MODERATED, and billed as its upstream says, or perhaps billed where it says nothing."""
        if self.upstream is None or not self.upstream.refusals:
            pytest.skip("set `refusals` of `upstream` to have this tested")
        for name, refusal in self.upstream.refusals.items():
            _check(name, refusal, _ask(http_provider, self.upstream, refusal))


def _ask(provider: HttpProvider[Any], known: Upstream, refusal: Refusal) -> EndedRequest:
    request = smallest(provider.capabilities())
    picture = picture_for(request)
    before = known.before if refusal.before is None else refusal.before
    last = answer(refusal.body, status=refusal.status, headers=refusal.headers, picture=picture)
    return ask(provider, request, *map(answer, before), last, Step.reply(200, picture))


def _check(name: str, refusal: Refusal, ended: EndedRequest) -> None:
    __tracebackhide__ = True
    failure = ended.failure
    check(
        failure and failure.kind is FailureKind.MODERATED,
        f"A refusal ({name}) counts as {failure and failure.kind}: {failure or 'a picture'}",
        "The next provider is paid for the same prompt, or the caller is given a picture that was blackened. Recognise "
        "it in `classify`, in `progress`, or by a `Failure` in its place in `decode`.",
    )
    assert failure is not None  # for the type checker
    expected = _BILLING[refusal.billed]
    check(
        failure.billing in expected,
        f"A refusal ({name}) counts as {failure.billing}, not {min(expected)}.",
        "Money limits count what is billed, and what is not known counts as possible, never as nothing.",
    )
