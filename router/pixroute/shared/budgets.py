"""Budgets of a team and a period: what they cover, and the window that a moment falls into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import field, frozen

from pixroute.request import Resolution
from pixroute.shared.lease import LeaseHold
from pixroute.values import KIND, Form, Mistake, Money, check, money

MILLIONTHS = 1_000_000
Per = Literal["hour", "day", "month"]
Currency = Annotated[str, Form(r"[A-Z]{3}", "three capital letters, such as USD")]


def _texts(value: Any) -> Any:
    return frozenset([value]) if isinstance(value, str) else frozenset(value) if isinstance(value, Iterable) else value


def _any_of(kind: Any = str) -> Any:
    return field(default=frozenset(), converter=_texts, metadata={KIND: kind | list[kind]})


@frozen(kw_only=True)
class Covers:
    """Which attempts a budget pays for; what is left out may be anything.

    Args:
        chain: one chain or several, of the request.
        provider: one provider or several, of the attempt.
        resolution: one class or several; "other" is a request without a size.
        tags: tags that the request must carry, among others.
    """

    chain: frozenset[str] = _any_of()
    provider: frozenset[str] = _any_of()
    resolution: frozenset[Resolution] = _any_of(Resolution)
    tags: Mapping[str, str] = field(factory=dict)

    def match(self, *, chain: str, provider: str, resolution: str, tags: Mapping[str, str]) -> bool:
        """Tell whether an attempt is all that this says."""
        return (
            (not self.chain or chain in self.chain)
            and (not self.provider or provider in self.provider)
            and (not self.resolution or resolution in self.resolution)
            and self.tags.items() <= tags.items()
        )


@frozen(kw_only=True)
class Budget:
    """Money for a period, counted in the pessimist's way: spent, possibly spent and reserved.

    Args:
        limit: in `currency`; never passed at any instant, by however many processes.
        per: the period; it begins with the hour, the day or the month of `time_zone`.
        when: the attempts it pays for; by default all.
        on_exhausted: "refuse": the request fails with `BudgetExceeded`; "next": the next provider is asked.
        currency: of the limit; an attempt whose price is unknown or in another currency is refused.
        time_zone: an IANA name.

    Raises:
        Mistake: a ValueError; a field is of another type or out of its range, or the time zone is unknown.
    """

    limit: Money = field(converter=money)
    per: Per
    when: Covers = field(factory=Covers)
    on_exhausted: Literal["refuse", "next"] = "refuse"
    currency: Currency = "USD"
    time_zone: str = "UTC"

    def __attrs_post_init__(self) -> None:
        """Check the fields."""
        check(self)
        _zone(self.time_zone)

    def hold(self, name: str, price: Decimal, now: float) -> LeaseHold:
        """Say what an attempt of that price takes of the window at `now`, in seconds since 1970."""
        begins, ends = window(self.per, self.time_zone, now)
        return LeaseHold(
            kind="budget",
            name=f"{name}@{begins.isoformat()}",
            amount=millionths(price),
            limit=int(self.limit * MILLIONTHS),
            ends=ends.timestamp(),
        )


def millionths(amount: Decimal) -> int:
    """Give an amount of money in millionths, rounded up: a limit is never passed by rounding."""
    return int((amount * MILLIONTHS).to_integral_value(ROUND_CEILING))


def window(per: Per, time_zone: str, now: float) -> tuple[datetime, datetime]:
    """Give the beginning and the end of the period that a moment falls into, as aware times of that zone."""
    zone = _zone(time_zone)
    at = datetime.fromtimestamp(now, zone)
    if per == "hour":
        # by the clock on the wall, where an hour may come twice: each is a window of its own
        begins = at.replace(minute=0, second=0, microsecond=0)
        return begins, datetime.fromtimestamp(begins.timestamp() + 3600, zone)
    begins = at.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if per == "day":
        return begins, _midnight(begins + timedelta(days=1))
    begins = begins.replace(day=1)
    return begins, _midnight(begins + timedelta(days=32)).replace(day=1)


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, fold=0)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Mistake(f"{name!r} is no time zone that this machine knows", "time_zone") from error
