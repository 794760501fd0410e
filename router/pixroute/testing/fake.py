"""A provider that does what its script says, on whatever clock the loop has, and a router without network."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from pixroute.content import Content
from pixroute.events import Observer
from pixroute.latency import Latency, Quantiles
from pixroute.outcome import Delivered, Failure, FailureKind, Outcome, Stage, Success
from pixroute.policy import Policy
from pixroute.provider import AttemptContext, Capabilities, Identity, Price, Provider, ProviderSettings
from pixroute.request import ImageRequest
from pixroute.routing.chains import SaidChain
from pixroute.routing.router import Router

if TYPE_CHECKING:
    from pixroute.config.shared import SharedSettings
    from pixroute.shared.budgets import Budget


@frozen(kw_only=True)
class Act:
    """What a fake provider does once: after `seconds` it gives `outcome`, None being a valid picture as asked.

    `stage` is where it stands while it waits. `seconds` of inf is silence; "silence until cut" costs no real time on
    a virtual clock.
    """

    seconds: float = 0.0
    outcome: Outcome | None = None
    stage: Stage = Stage.WAIT


def picture(seconds: float = 0.0) -> Act:
    """Deliver a valid picture of the asked size after `seconds`."""
    return Act(seconds=seconds)


def fail(kind: FailureKind, seconds: float = 0.0, **fields: Any) -> Act:
    """Fail after `seconds`; `fields` are those of `Failure`, such as `hint=31`."""
    answered = fields.pop("answered", fields.get("status") is not None)
    failure = Failure(kind=kind, message=f"scripted {kind}", answered=answered, **fields)
    stage = Stage.CONNECT if kind in (FailureKind.CONNECT, FailureKind.TLS) else Stage.WAIT
    return Act(seconds=seconds, outcome=failure, stage=stage)


def silence() -> Act:
    """Never answer."""
    return Act(seconds=float("inf"))


@frozen
class FakeCall:
    """One call that reached a fake provider: when (loop's time) and what was asked."""

    at: float
    request: ImageRequest


@lru_cache(maxsize=64)
def blank_png(width: int, height: int) -> bytes:
    """Give a complete, valid, white PNG of this size in a few kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    row = b"\0" + b"\xff" * ((width + 7) // 8)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row * height, 1))
        + chunk(b"IEND", b"")
    )


class FakeProvider:
    """A provider without network.

    Args:
        script: acts taken in order by successive calls; the last one stays. A function is asked with the call's number,
            from 0. Without a script every call delivers at once.
        upstream, account, origin: whose fate it shares; by default nobody's.
        price: of one picture, None unknown.
        latency: P50, P95, P99 in seconds, for every resolution; None: from the attempt time-out.
        capabilities: what it can do; everything by default.
        options: further fields of `ProviderSettings`.
    """

    model: str | None = "fake-1"

    def __init__(
        self,
        *script: Act | Callable[[int], Act],
        upstream: str | None = None,
        account: str | None = None,
        origin: str | None = None,
        plaintext: bool = False,
        price: str | None = "0.04",
        latency: tuple[float, float, float] | None = None,
        capabilities: Capabilities | None = None,
        **options: Any,
    ) -> None:
        unique = f"fake-{id(self):x}"
        self._script: tuple[Act | Callable[[int], Act], ...] = script or (picture(),)
        self._capabilities = capabilities or Capabilities(references=16, max_images=1)
        self.settings = ProviderSettings(**options)
        self.identity = Identity(
            upstream=upstream or unique,
            account=account or unique,
            origin=origin or f"https://{unique}.test:443",
            plaintext=plaintext,
        )
        self.price = None if price is None else Price(amounts={"other": Decimal(price)})
        quantiles = Quantiles(*latency) if latency else None
        self.latency = Latency(table=dict.fromkeys(("1K", "2K", "4K", "other"), quantiles) if quantiles else {})
        self.advice: Mapping[FailureKind, str] = {}
        self.calls: list[FakeCall] = []
        self.in_flight = 0

    def capabilities(self) -> Capabilities:
        """Tell what it can do."""
        return self._capabilities

    def credential(self) -> str:
        """Tell its credential's fingerprint."""
        return self.identity.account

    async def start(self) -> None:
        """Nothing to get ready."""

    async def aclose(self) -> None:
        """Nothing to let go."""

    async def generate(self, request: ImageRequest, attempt: AttemptContext) -> Outcome:
        """Do what the script says next."""
        act = self._next()
        self.calls.append(FakeCall(asyncio.get_running_loop().time(), request))
        self.in_flight += 1
        try:
            attempt.reached(act.stage)
            if act.seconds == float("inf"):
                await asyncio.get_running_loop().create_future()
            await asyncio.sleep(act.seconds)
        finally:
            self.in_flight -= 1
        if act.outcome is None:
            return _pictures(request)
        return evolve(act.outcome, stage=act.stage) if isinstance(act.outcome, Failure) else act.outcome

    def _next(self) -> Act:
        number = len(self.calls)
        act = self._script[min(number, len(self._script) - 1)]
        return act if isinstance(act, Act) else act(number)


def _pictures(request: ImageRequest) -> Success:
    width, height = request.size.nominal() if request.size else (1024, 1024)
    content = Content(blank_png(width, height))
    return Success(pictures=(Delivered(content=content),) * request.n)


def fake_router(
    *providers: Provider,
    chains: Mapping[str, SaidChain] | None = None,
    policy: Policy | None = None,
    choose: Callable[[ImageRequest], str | None] | None = None,
    observers: Mapping[str, Observer] | Iterable[Observer] = (),
    budgets: Mapping[str, Budget] | None = None,
    shared: SharedSettings | None = None,
    seed: int = 0,
    **named: Provider,
) -> Router:
    """Give a router without network: `fake_router(FakeProvider())`, or with names, in the order of the chain.

    Args:
        providers: named `fake-1`, `fake-2`, …; without any, one that delivers at once.
        named: providers by their names.
        observers: by name, as `Router` takes them, or a list: those are named `observer-1`, `observer-2`, …
        chains: as `Router` takes them; by default one, `default`, of all providers.
        policy: as `Router` takes it.
        choose: as `Router` takes it.
        budgets: as `Router` takes them.
        shared: as `Router` takes it.
        seed: as `Router` takes it; here 0 by default.
    """
    given = {f"fake-{number}": provider for number, provider in enumerate(providers, 1)}
    table = {**given, **named} or {"fake-1": FakeProvider()}
    return Router(
        providers=table,
        chains=chains or {"default": list(table)},
        policy=policy,
        choose=choose,
        observers=_named(observers),
        budgets=budgets,
        shared=shared,
        seed=seed,
    )


def _named(observers: Mapping[str, Observer] | Iterable[Observer]) -> Mapping[str, Observer]:
    if isinstance(observers, Mapping):
        return observers
    return {f"observer-{number}": one for number, one in enumerate(observers, 1)}
