"""What a provider says of itself: capabilities, prices, times, identity."""

from __future__ import annotations

import time
from decimal import Decimal
from itertools import pairwise

from pixroute.http.provider import HttpProvider
from pixroute.policy import DEFAULT_TIMEOUTS
from pixroute.provider import Capabilities, Provider
from pixroute.request import RESOLUTIONS, parse_ratio
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
        """They can be read, and something can be asked."""
        can = provider.capabilities()
        unknown = can.resolutions - {*RESOLUTIONS[:3]}
        check(not unknown, f"resolutions holds {sorted(unknown)}.", "Only 1K, 2K and 4K are ever asked for.")
        formats = can.output_formats - {"png", "jpeg", "webp"}
        check(not formats, f"output_formats holds {sorted(formats)}.", "Only png, jpeg and webp are ever asked for.")
        for ratio in can.aspect_ratios:
            parse_ratio(ratio)
        low, high = can.exact_pixels or (1, 1)
        check(0 < low <= high, f"exact_pixels is {can.exact_pixels}.", "They are the smallest and the largest area.")
        check(can.max_images >= 1, f"max_images is {can.max_images}.", "n pictures are cut into parts of this size.")
        check(can.references >= 0, f"references is {can.references}.", "It counts pictures; 0 is none.")
        check(
            0 <= can.size_tolerance < 1,
            f"size_tolerance is {can.size_tolerance}.",
            "It is the share of the asked pixels that may be missing: 0.1, not 10.",
        )
        check(
            next(admitted(can), None),
            f"No request at all fits {can}.",
            "The router skips this provider every time, as unsupported.",
        )

    def test_prices_make_sense(self, provider: Provider) -> None:
        """A price is a decimal number from 0 on, or honestly unknown."""
        for resolution in RESOLUTIONS:
            price = provider.price.at(resolution) if provider.price else None
            check(
                price is None or (isinstance(price, Decimal) and price >= 0),
                f"The price of {resolution} is {price!r}.",
                "Money limits add prices up: give Decimal('0.04'), or leave out what is not known; 0 means free.",
            )

    def test_latencies_make_sense(self, provider: Provider) -> None:
        """P50 ≤ P95 ≤ P99, all above 0."""
        for resolution in RESOLUTIONS:
            times = provider.latency.at(resolution, DEFAULT_TIMEOUTS[resolution])
            ordered = (0.0, times.p50, times.p95, times.p99)
            check(
                times.p50 > 0 and all(low <= high for low, high in pairwise(ordered)),
                f"The latency of {resolution} is {times}.",
                "Time-outs, hedges and breakers are set by these seconds.",
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
