"""What a provider says of itself: capabilities, prices, times, identity."""

from __future__ import annotations

import time

from pixroute.http.provider import HttpProvider
from pixroute.provider import Capabilities, Provider
from pixroute.testing.conformance.stand import at
from pixroute.testing.conformance.upstream import KEY
from pixroute.testing.conformance.words import admitted, check

CHEAP = 0.001
"""Seconds that `capabilities()` may take."""


class PromiseChecks:
    """Checks without a wire, of any provider."""

    def test_capabilities_are_pure_and_cheap(self, provider: Provider) -> None:
        """Asked again they are the same, and asking costs next to nothing."""
        first, seconds = provider.capabilities(), []
        for _ in range(20):
            began = time.perf_counter()
            again = provider.capabilities()
            seconds.append(time.perf_counter() - began)
            check(
                again == first, f"capabilities() gave {first}, then {again}.", "A plan made from one is run by another."
            )
        check(isinstance(first, Capabilities), f"capabilities() gave {first!r}.", "The router reads a `Capabilities`.")
        check(
            min(seconds) < CHEAP,
            f"capabilities() takes {min(seconds) * 1000:.1f} ms; compute them once.",
            "It is asked before every decision, on the event loop of the whole service.",
        )

    def test_capabilities_make_sense(self, provider: Provider) -> None:
        """Something can be asked; `Capabilities` themselves refuse what makes no sense."""
        can = provider.capabilities()
        check(
            next(admitted(can), None),
            f"No request at all fits {can}.",
            "The router skips this provider every time, as unsupported.",
        )

    def test_the_key_is_not_shown(self, provider: Provider) -> None:
        """Not by repr, not by the settings, not by the identity or the credential."""
        shown = at(provider, "https://upstream.test") if isinstance(provider, HttpProvider) else provider
        for what in (shown, shown.settings, shown.identity, shown.credential(), shown.model):
            for text in (repr(what), str(what)):
                check(
                    KEY.reveal() not in text,
                    f"The key stands in {text[:200]!r}.",
                    "These are printed, logged and sent to monitoring; keep the key in its `Secret`.",
                )

    def test_the_identity_is_constant(self, provider: Provider) -> None:
        """Asked again it is the same."""
        check(
            provider.identity == provider.identity,
            "`identity` changes from one call to the next.",
            "A breaker that nobody comes back to never opens.",
        )
