"""The metrics: instruments, and what each event adds to them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from opentelemetry.metrics import Meter

from pixroute.events import (
    AttemptCorrected,
    AttemptFinished,
    AttemptStarted,
    BreakerChanged,
    RequestFinished,
    StoreChanged,
)
from pixroute.labels import LabelWords
from pixroute_otel import names


class OtelMetrics:
    """Counts what happens; every attribute takes a bounded number of values."""

    def __init__(self, meter: Meter, tags: tuple[str, ...] = ()) -> None:
        genai = names.metric_names()
        buckets = list(names.BUCKETS)
        self._duration = meter.create_histogram(
            genai.duration, "s", "Duration of a request.", explicit_bucket_boundaries_advisory=buckets
        )
        self._tokens = meter.create_histogram(genai.tokens, "{token}", "Tokens used.") if genai.tokens else None
        self._counters = {
            kind: meter.create_counter(name, "{token}", "Tokens used.") for kind, name in genai.counters.items()
        }
        self._requests = meter.create_counter("pixroute.requests", "{request}", "Requests, by how they ended.")
        self._attempts = meter.create_counter("pixroute.attempts", "{attempt}", "Attempts, by what came of them.")
        self._seconds = meter.create_histogram(
            "pixroute.attempt.duration", "s", "Duration of an attempt.", explicit_bucket_boundaries_advisory=buckets
        )
        self._in_flight = meter.create_up_down_counter("pixroute.in_flight", "{attempt}", "Attempts in flight.")
        self._overdue = meter.create_up_down_counter(
            "pixroute.overdue", "{attempt}", "Attempts in flight that are older than 1.5 × P99."
        )
        self._open = meter.create_up_down_counter("pixroute.breaker.open", "{breaker}", "Breakers that are not closed.")
        self._away = meter.create_up_down_counter("pixroute.store.away", "{port}", "Ports of the shared store away.")
        self._hedges = meter.create_counter("pixroute.hedges", "{attempt}", "Attempts that joined another, and won?")
        self._retries = meter.create_counter("pixroute.retries", "{retry}", "Second tries of the same provider.")
        self._cost = meter.create_counter("pixroute.cost", "{money}", "Money spent, or perhaps spent.")
        self._corrected = meter.create_counter(
            "pixroute.cost.corrected", "{money}", "Money that was perhaps spent and, it turned out, was not."
        )
        self._short = meter.create_counter("pixroute.pixels.short", "{pixel}", "Pixels asked that did not come.")
        self._lag = meter.create_histogram(
            "pixroute.loop.lag", "s", "Lateness of the event loop.", explicit_bucket_boundaries_advisory=[*names.LAGS]
        )
        self._tags = {tag: LabelWords() for tag in tags}
        self._chain, self._provider, self._model = LabelWords(), LabelWords(), LabelWords()
        self._currency = LabelWords(20)
        self._breaker = LabelWords()
        self._not_closed: dict[str, Mapping[str, str]] = {}
        self._ports_away: set[str] = set()

    def began(self, event: AttemptStarted) -> None:
        """Count an attempt in flight."""
        self._in_flight.add(1, {names.OWN_PROVIDER: self._provider(event.provider)})

    def overdue(self, provider: str, change: int) -> None:
        """Count one more, or one less, that is overdue."""
        self._overdue.add(change, {names.OWN_PROVIDER: self._provider(provider)})

    def retried(self, provider: str | None) -> None:
        """Count a second try; of the whole chain where there is no provider."""
        self._retries.add(1, {names.OWN_PROVIDER: self._provider(provider or "chain")})

    def ended(self, event: AttemptFinished) -> None:
        """Count an attempt that ended: what came of it, its time, its money."""
        provider = {names.OWN_PROVIDER: self._provider(event.provider)}
        kind = "picture" if event.kind is None else str(event.kind)
        self._in_flight.add(-1, provider)
        self._attempts.add(1, provider | {names.KIND: kind, names.BILLING: str(event.billing)})
        self._seconds.record(event.seconds, provider | {names.RESOLUTION: event.resolution})
        if event.hedge:
            self._hedges.add(1, provider | {names.RESULT: "won" if event.won else "lost"})
        currency = {names.CURRENCY: self._currency(event.cost.currency)}
        for certainty, amount in (("certain", event.cost.certain), ("possible", event.cost.possible)):
            if amount:
                self._cost.add(float(amount), provider | currency | {names.CERTAINTY: certainty})
        if event.pixels_short:
            self._short.add(event.pixels_short, provider)
        if event.usage:
            self._count_tokens(event)

    def _count_tokens(self, event: AttemptFinished) -> None:
        said = event.usage or {}
        common = {
            names.OPERATION: names.GENERATE,
            names.PROVIDER: self._provider(event.provider),
            names.REQUEST_MODEL: self._model(event.model),
        }
        for kind in ("input_tokens", "output_tokens"):
            count = said.get(kind)
            if type(count) is not int or count < 0:
                continue
            if self._tokens is not None:
                self._tokens.record(count, common | {names.TOKEN_TYPE: kind.removesuffix("_tokens")})
            else:
                self._counters[kind].add(count, common)

    def corrected(self, event: AttemptCorrected) -> None:
        """Count money that was not spent after all."""
        amount = (event.was.possible or Decimal(0)) - (event.cost.possible or Decimal(0))
        if amount > 0:
            currency = self._currency(event.cost.currency)
            self._corrected.add(
                float(amount), {names.OWN_PROVIDER: self._provider(event.provider), names.CURRENCY: currency}
            )

    def finished(self, event: RequestFinished, model: str | None) -> None:
        """Count a request that ended; `model` is the one asked first."""
        chain, error = self._chain(event.chain), error_type(event)
        attributes: dict[str, str | bool] = {
            names.CHAIN: chain,
            names.ENDING: str(event.ending),
            names.FELL_BACK: event.fell_back,
        }
        for tag, words in self._tags.items():
            attributes[names.TAG + tag] = words(event.tags.get(tag))
        self._requests.add(1, attributes)
        said = {
            names.OPERATION: names.GENERATE,
            names.PROVIDER: self._provider(event.provider or "pixroute"),
            names.REQUEST_MODEL: self._model(model),
        }
        self._duration.record(event.seconds, said | {names.ERROR_TYPE: error} if error else said)

    def breaker(self, event: BreakerChanged) -> None:
        """Count the breakers that are not closed."""
        before = self._not_closed.pop(event.key, None)
        if event.state != "closed":
            now = {names.SCOPE: event.scope, names.BREAKER: self._breaker(event.key)}
            self._not_closed[event.key] = now
            if before is None:
                self._open.add(1, now)
        elif before is not None:
            self._open.add(-1, before)

    def store(self, event: StoreChanged) -> None:
        """Count the ports of the shared store that are away."""
        if (event.state == "away") != (event.port in self._ports_away):
            self._away.add(1 if event.state == "away" else -1, {names.PORT: event.port})
        (self._ports_away.add if event.state == "away" else self._ports_away.discard)(event.port)

    def lagged(self, seconds: float) -> None:
        """Note that the loop was late."""
        self._lag.record(seconds)


def error_type(event: RequestFinished) -> str | None:
    """Give `error.type`: the last failure's kind, or how it ended where nobody was asked."""
    if event.error is None:
        return None
    if str(event.ending) in {"cancelled", "shut_down", "ours"} or event.kind is None:
        return str(event.ending)
    return str(event.kind)
