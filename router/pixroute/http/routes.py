"""A provider with two ways to one model: the first until it fails for what it is, from then on the second."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress

from attrs import evolve

from pixroute.http.call import Call, Details, Item, Reply
from pixroute.http.provider import HttpProvider, S
from pixroute.outcome import Billing, Failure, FailureKind, Outcome, Success
from pixroute.picture import BadPicture, inspect, judge
from pixroute.provider import AttemptContext, Identity
from pixroute.request import ImageRequest, Size

SECOND_NEXT = "The other route is asked next, and from now on."
_OTHERS_TAKE_THE_SECOND = ("second", "tried now")

log = logging.getLogger("pixroute.http")


class TwoRoutes(HttpProvider[S]):
    """Asks `first`, until it does not serve the model or makes pictures of a smaller class than asked; then `second`.

    That is remembered for account, model and class: all providers of an account share it, as long as the router lives.
    While nothing is known of the first route, one request at a time tries it, so at most one smaller picture is bought
    for a class. Both routes are one upstream. A subclass sets both in its `__init__`.
    """

    first: HttpProvider[S]
    second: HttpProvider[S]

    @property
    def identity(self) -> Identity:
        """Share one upstream between the routes: account and model."""
        own = super().identity
        return evolve(own, upstream=self.settings.upstream or f"{own.account}/{self.model}")

    async def generate(self, request: ImageRequest, attempt: AttemptContext) -> Outcome:
        """Ask by the route that is known to serve, or try the first."""
        routes, size = attempt.http.remembered, request.size or Size("1K")
        key = (__name__, self.identity.account, self.model, size.resolution)
        known = routes.get(key)
        if known in _OTHERS_TAKE_THE_SECOND:
            return await self.second.generate(request, attempt)
        routes[key] = known or "tried now"
        found = known or ""  # what stands there afterwards; nothing: another request may try
        try:
            outcome = await self.first.generate(request, attempt)
            if why := self._why_not(outcome, size):
                found = "second"
                log.warning(
                    "provider %s: its first route %s at %s; from now on the second is asked for this account, model "
                    "and class (told once)",
                    self.name,
                    why,
                    size.resolution,
                    extra={"provider": self.name, "why": why, "resolution": size.resolution},
                )
                return _to_be_asked_again(outcome)
            if isinstance(outcome, Success):
                found = "first"
            return outcome
        finally:
            if routes.get(key) != "second":
                routes[key] = found

    def encode(self, request: ImageRequest) -> Call:
        """Ask as the first route does."""
        return self.first.encode(request)

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Read as the first route does."""
        return self.first.decode(reply)

    def details(self, reply: Reply) -> Details:
        """Read as the first route does."""
        return self.first.details(reply)

    def _why_not(self, outcome: Outcome, asked: Size) -> str:
        """Tell what the route itself is to blame for."""
        if isinstance(outcome, Failure):
            gone = outcome.kind is FailureKind.MODEL_GONE and outcome.billing is Billing.FREE
            return "does not serve the model" if gone else ""
        for delivered in outcome.pictures:
            with suppress(BadPicture), delivered.content.open() as source:
                if judge(inspect(source, delivered.content.size), asked, self.capabilities().size_tolerance):
                    return "makes smaller pictures than asked"
        return ""


def _to_be_asked_again(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Success):
        return evolve(outcome, other_route=True)
    return evolve(outcome, other_route=True, advice=SECOND_NEXT)
