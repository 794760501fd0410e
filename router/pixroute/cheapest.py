"""Who could make a request's pictures, the cheapest first, by tables and by what a ledger has seen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from math import inf
from statistics import median
from typing import TYPE_CHECKING

from attrs import frozen

from pixroute.fit import Unfit, fit
from pixroute.outcome import FailureKind
from pixroute.provider import Provider, ProviderSettings
from pixroute.request import ImageRequest, Resolution

if TYPE_CHECKING:
    from pixroute.ledger import Entry

NOT_ITS_FAULT = frozenset({FailureKind.MODERATED.value, FailureKind.INVALID.value})
"""Ends of attempts that say nothing of a provider's reliability: the request was at fault."""


@frozen(kw_only=True)
class SeenProvider:
    """What a ledger says of a provider at one resolution: attempts that settled, pictures, and half their seconds."""

    attempts: int = 0
    pictures: int = 0
    median: float | None = None

    @property
    def share(self) -> float | None:
        """How many attempts brought a picture; None: none was seen."""
        return self.pictures / self.attempts if self.attempts else None


@frozen(kw_only=True)
class Offer:
    """One who could: for what size he is asked, at what price a picture (None: unknown), in what time usually."""

    name: str
    resolution: Resolution
    price: Decimal | None
    currency: str
    usual: float | None
    seen: SeenProvider
    differs: str = ""

    @property
    def rank(self) -> tuple[object, ...]:
        """What they are sorted by: price, time, reliability, each unknown last."""
        dear = inf if self.price is None else self.price
        share = -1.0 if self.seen.share is None else self.seen.share
        return self.price is None, self.currency, dear, inf if self.usual is None else self.usual, -share, self.name


@frozen(kw_only=True)
class Comparison:
    """Who could, sorted, and who could not, with why."""

    offers: tuple[Offer, ...]
    unable: Mapping[str, str]


def compare(
    request: ImageRequest,
    providers: Mapping[str, tuple[Provider, ProviderSettings]],
    entries: Sequence[Entry] = (),
) -> Comparison:
    """Hold a request against providers, each with its settings, and against a ledger's entries."""
    offers, unable = [], {}
    for name, (provider, settings) in providers.items():
        fitted = fit(request, provider.capabilities())
        if isinstance(fitted, Unfit):
            unable[name] = fitted.reason
            continue
        size, price = fitted.resolution, settings.price or provider.price
        seen = _seen(entry for entry in entries if (entry.provider, entry.resolution) == (name, size))
        times = settings.latency_over(provider.latency).table.get(size)
        offers.append(
            Offer(
                name=name,
                resolution=size,
                price=price.at(size) if price else None,
                currency=price.currency if price else "USD",
                usual=seen.median if seen.median is not None else times.p50 if times else None,
                seen=seen,
                differs="; ".join(f"makes {one.delivered}" for one in fitted.adjustments),
            )
        )
    return Comparison(offers=tuple(sorted(offers, key=lambda offer: offer.rank)), unable=unable)


def _seen(entries: Iterable[Entry]) -> SeenProvider:
    settled = [one for one in entries if one.settled is not None and one.kind not in NOT_ITS_FAULT]
    made = [one for one in settled if one.kind is None]
    times = [one.seconds for one in made if one.seconds is not None]
    return SeenProvider(attempts=len(settled), pictures=len(made), median=median(times) if times else None)
