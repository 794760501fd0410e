"""The contract between the router and a provider.

A provider is a configured instance of a provider type. The router asks it three things: what it can do
(`capabilities`, pure), who it shares its fate with (`identity`), and, per attempt, to `generate`. Failures are
returned, not raised; what is raised anyway counts as the plugin's bug (UNKNOWN).
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeVar

from attrs import field, frozen

from pixroute.latency import Latency
from pixroute.outcome import FailureKind, Outcome, Stage
from pixroute.policy import ByResolution, HedgeAfter, Timeouts, partial_timeouts
from pixroute.request import AspectRatio, ImageRequest, OutputFormat, ReferenceFormat, Resolution, Side
from pixroute.values import (
    KIND,
    Count,
    CountFrom0,
    Form,
    Mistake,
    Money,
    Share,
    as_set,
    as_table,
    as_tuple,
    check,
    money,
)

if TYPE_CHECKING:
    from pixroute.http.transport import Transport

T = TypeVar("T")

RAISED_BY_PLUGINS = (Exception, SystemExit)
"""What a plugin's code may raise without ending anybody else's: a script among its modules exits."""


BreakerState = Literal["open", "closed", "observe"]
Sure = Literal["documented", "captured", "second hand", ""]
Listed = Literal["vendor", "others", "assumed", ""]
Month = Annotated[str, Form(r"(20\d\d-(0[1-9]|1[0-2]))?", "of a month such as 2026-11")]
Currency = Annotated[str, Form("[A-Z]{3}", "of three capital letters")]


def _resolutions(values: Iterable[Resolution]) -> frozenset[Resolution]:
    return as_set(values)  # type: ignore[no-any-return]  # what cannot be a set is told by `check`


def _sizes(values: Iterable[tuple[int, int]]) -> frozenset[tuple[int, int]]:
    return as_set(values)  # type: ignore[no-any-return]  # as above


def _words(values: Iterable[str]) -> frozenset[str]:
    return as_set(values)  # type: ignore[no-any-return]  # as above


@frozen(kw_only=True)
class Capabilities:
    """What a provider can do; asked before every decision, so it must be cheap and pure.

    Args:
        resolutions: classes it makes; empty: any.
        aspect_ratios: such as `{"1:1", "16:9"}`; empty: any.
        exact_pixels: smallest and largest area (width × height) that may be asked exactly; None: classes only, and
            exact sizes are served where class and shape fit a class.
        exact_sizes: single sizes (width, height) that may be asked exactly, beside or in place of that range.
        sides: shortest and longest side that may be asked exactly; None: any.
        multiple_of: by what the sides of an exact size must be divisible.
        output_formats: formats that may be asked for; empty: no choice.
        references: most reference pictures; 0: none.
        reference_formats: formats they may have, of png, jpeg, webp and gif; empty: any.
        mask_formats: formats that a mask may have; empty: it takes no mask.
        max_images: most pictures of one call.
        max_prompt: longest prompt in characters; None: no limit known.
        size_tolerance: share of the asked pixels that may be missing before a picture counts as UNDERSIZED.
        bills_refusals: whether a refused prompt costs its price.
    """

    resolutions: frozenset[Literal["1K", "2K", "4K"]] = field(default=frozenset(), converter=_resolutions)
    aspect_ratios: frozenset[AspectRatio] = field(default=frozenset(), converter=_words)
    exact_pixels: tuple[Count, Count] | None = field(default=None, converter=as_tuple)
    exact_sizes: frozenset[tuple[Side, Side]] = field(default=frozenset(), converter=_sizes)
    sides: tuple[Side, Side] | None = field(default=None, converter=as_tuple)
    multiple_of: Count = 1
    output_formats: frozenset[OutputFormat] = field(default=frozenset(), converter=_words)
    references: CountFrom0 = 0
    reference_formats: frozenset[ReferenceFormat] = field(default=frozenset(), converter=_words)
    mask_formats: frozenset[ReferenceFormat] = field(default=frozenset(), converter=_words)
    max_images: Count = 1
    max_prompt: Count | None = None
    size_tolerance: Share = 0.1
    bills_refusals: bool = False

    def __attrs_post_init__(self) -> None:
        check(self)
        if self.exact_pixels and self.exact_pixels[0] > self.exact_pixels[1]:
            raise Mistake("must be the smallest area, then the largest", "exact_pixels")
        if self.sides and self.sides[0] > self.sides[1]:
            raise Mistake("must be the shortest side, then the longest", "sides")


def _amounts(values: Mapping[Resolution, Decimal | str | float]) -> Mapping[Resolution, Decimal]:
    return as_table({key: money(value) for key, value in values.items()} if isinstance(values, Mapping) else values)  # type: ignore[no-any-return]  # as above


@frozen(kw_only=True)
class Price:
    """What one picture costs, by the resolution sent; a resolution left out falls to "other", else is unknown.

    `source` says in words where it was read; `listed` whose list it stands in, the "vendor"'s or that of "others", or
    that it is "assumed"; `as_of` in which month it was so. Empty: not said.
    """

    amounts: Mapping[Resolution, Money] = field(converter=_amounts)
    currency: Currency = "USD"
    source: str = ""
    listed: Listed = ""
    as_of: Month = ""

    def __attrs_post_init__(self) -> None:
        check(self)
        if not self.amounts:
            raise Mistake("names no price", "amounts")

    def at(self, resolution: Resolution) -> Decimal | None:
        """Give the price of one picture, or None where it is unknown."""
        return self.amounts.get(resolution, self.amounts.get("other"))


@frozen(kw_only=True)
class Identity:
    """Who a provider shares its fate with (semantics §1, scopes of health).

    Args:
        origin: `scheme://host:port`; None for a provider without a network.
        account: a credential's fingerprint; equal fingerprints share a hold.
        upstream: the failure domain, by default account + model + api; freely nameable.
        plaintext: requests travel unencrypted.
    """

    upstream: str
    account: str
    origin: str | None = None
    plaintext: bool = False


@frozen(kw_only=True)
class ProviderSettings:
    """What every provider may be configured with; a plugin's settings class extends it (frozen, keyword-only).

    Args:
        attempt_timeout: as the policy's, for this provider alone; a table changes only the resolutions it names.
        hedge_after: as the policy's.
        price: contract prices by resolution, in place of the provider's own: what they leave out is not known.
        latency: P50, P95, P99 by resolution, over the provider's own.
        max_in_flight: attempts at once in this process; None: no limit.
        shared: whether `max_in_flight` is of all processes with the same store (`[shared]`), not of this one alone.
        when_full: "wait" for a place, or "spill" to the next provider.
        upstream: a name of the failure domain; providers that give the same share one breaker.
        enabled: false leaves it in the file but out of every chain.
        breaker_state: what its upstream's breakers are forced to, while it stands here: "open" admits nothing,
            "closed" lets no evidence open them, "observe" tells what they would do and admits all the same.
    """

    attempt_timeout: ByResolution | None = field(
        default=None, converter=partial_timeouts, metadata={KIND: Timeouts | None}
    )
    hedge_after: HedgeAfter | None = None
    price: Price | None = None
    latency: Latency | None = None
    max_in_flight: Count | None = None
    shared: bool = False
    when_full: Literal["wait", "spill"] = "wait"
    upstream: str | None = None
    enabled: bool = True
    breaker_state: BreakerState | None = None

    def __attrs_post_init__(self) -> None:
        """Check the fields."""
        check(self)
        if self.shared and self.max_in_flight is None:
            raise Mistake("is said of `max_in_flight`: say that too", "shared")

    def latency_over(self, own: Latency) -> Latency:
        """Give the expected times, what is left out here as in the provider's own table."""
        return self.latency.over(own) if self.latency else own


class AttemptContext(Protocol):
    """What one attempt gives to its provider."""

    @property
    def request_id(self) -> str:
        """The router's id of this attempt, sent upstream for tracing."""
        ...

    @property
    def traceparent(self) -> str | None:
        """The W3C `traceparent` of its span, or of the caller's; sent upstream only where the settings say so."""
        ...

    @property
    def ends_at(self) -> float:
        """The loop's time at which the attempt is cut."""
        ...

    @property
    def into(self) -> Path | None:
        """The file that the picture is to be written to, or None for memory."""
        ...

    @property
    def http(self) -> Transport:
        """The router's connections."""
        ...

    @property
    def cancelled(self) -> bool:
        """Whether the attempt has been given up; may be read from a thread."""
        ...

    def reached(self, stage: Stage) -> None:
        """Note the stage; a time-out before SEND costs nothing, after it perhaps the price."""
        ...

    def note(self, **facts: Any) -> None:
        """Add facts to the attempt's record: provider_request_id, remote, first_byte, wire_bytes, job."""
        ...

    def progress(self, fraction: float) -> None:
        """Tell how far it is, 0 to 1; may be called from a thread."""
        ...

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a blocking function in a thread; the provider's slot stays taken until the thread ends."""
        ...


class Provider(Protocol):
    """A configured provider.

    `start` is called once before the first attempt, on the router's loop, `aclose` once after the last if it had
    started. `generate` is called once per attempt, possibly many at a time; it returns `Success` or `Failure`, must
    let `asyncio.CancelledError` pass, and is cancelled at `ends_at` at the latest.
    """

    @property
    def settings(self) -> ProviderSettings:
        """The settings it was created with."""
        ...

    @property
    def identity(self) -> Identity:
        """Who it shares its fate with."""
        ...

    @property
    def model(self) -> str | None:
        """The model asked, as it is called upstream."""
        ...

    @property
    def price(self) -> Price | None:
        """Its price table; None where unknown."""
        ...

    @property
    def latency(self) -> Latency:
        """Its table of expected times."""
        ...

    @property
    def advice(self) -> Mapping[FailureKind, str]:
        """What to change, by kind, where this provider knows better than the table; empty if it does not."""
        ...

    def capabilities(self) -> Capabilities:
        """Tell what it can do."""
        ...

    def credential(self) -> str:
        """Give the fingerprint of its credential as it is now; a changed one ends an account's hold."""
        ...

    async def start(self) -> None:
        """Get ready: load a model, open a device."""
        ...

    async def generate(self, request: ImageRequest, attempt: AttemptContext) -> Outcome:
        """Make the pictures of one request, or tell why not."""
        ...

    async def aclose(self) -> None:
        """Let go of what `start` took."""
        ...


@frozen(kw_only=True)
class ProviderSpec:
    """A provider type, as a plugin offers it.

    Args:
        name: the type's name in configuration, such as `nano-banana-pro-https`.
        create: called as `create(name, settings)`; a class, a function, or a lazy `"module:Class"`.
        settings: its settings class: frozen attrs, extending `ProviderSettings` (for HTTP, `HttpSettings`), or a lazy
            `"module:Class"`, so that a type which nobody configures costs nothing.
        summary: one line for people.
        sure: how its wire is known: "documented" by the vendor or its own clients, "captured" in traffic, "second hand"
            from what others write; empty: nobody says.
        example: settings without which none can be made, as a reader may fill them in.
        emulated: a lazy `"module:PLACE"` of an `EmulatedPlace`, by which `--emulated` plays the type; None: it cannot.
    """

    name: str
    create: Callable[..., Any] | str
    _settings: type | str = field(alias="settings")
    summary: str = ""
    sure: Sure = ""
    example: Mapping[str, Any] = field(factory=dict)
    emulated: str | None = None

    @property
    def settings(self) -> type:
        """The settings class.

        Raises:
            Exception: a lazy one cannot be imported.
            TypeError: it names no settings class.
        """
        if not isinstance(self._settings, str):
            return self._settings
        found: object = pkgutil.resolve_name(self._settings)
        if not isinstance(found, type) or not issubclass(found, ProviderSettings):
            raise TypeError(f"{self._settings} does not extend ProviderSettings")
        return found

    @property
    def lazy_settings(self) -> str | None:
        """Where its settings class is, if it is imported when somebody asks for it; else None."""
        return self._settings if isinstance(self._settings, str) else None


@frozen(kw_only=True)
class ObserverSpec:
    """An observer, created as `create(settings)` only for a configuration that names it."""

    name: str
    create: Callable[..., Any] | str
    settings: type | None = None
    summary: str = ""


def breaker_states(providers: Mapping[str, Provider]) -> dict[str, BreakerState]:
    """Give what the settings force breakers to, by upstream; a plugin that raises says nothing.

    Raises:
        ValueError: two providers of one upstream say different things.
    """
    states: dict[str, BreakerState] = {}
    first: dict[str, str] = {}
    for name, provider in providers.items():
        try:
            state = provider.settings.breaker_state
            upstream = state and (provider.settings.upstream or provider.identity.upstream)
        except Exception:  # noqa: BLE001, S112 - a plugin's code: its chains tell of it and bar it
            continue
        if state is None or upstream is None:
            continue
        if states.setdefault(upstream, state) != state:
            raise ValueError(
                f"{first[upstream]!r} and {name!r} share an upstream, and breaker_state is {states[upstream]!r} at one "
                f"and {state!r} at the other; say the same, or leave one out"
            )
        first.setdefault(upstream, name)
    return states


__all__ = [
    "AttemptContext",
    "Capabilities",
    "Identity",
    "ObserverSpec",
    "Price",
    "Provider",
    "ProviderSettings",
    "ProviderSpec",
]
