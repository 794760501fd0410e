"""The metrics, on one registry once; and where each label takes its bounded words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal
from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pixroute.labels import OTHER, Words

BUCKETS = (1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600)
"""Seconds: a picture of 1K takes ten, one of 4K some hundreds."""
PROCESSES: Literal["livesum"] = "livesum"
"""How the gauges of several processes become one: by their sum, of those that live."""


MOST_SERIES = 2_000
"""Series of one metric; whatever would be one more counts as "other" in every label."""


class Family:
    """A metric whose labels are bounded, and whose children are kept: looking them up anew is half of the cost."""

    def __init__(self, make: Callable[[], Any], words: tuple[Words, ...]) -> None:
        self._metric = make()
        self._words = words
        self._children: dict[tuple[str, ...], Any] = {}

    def of(self, *values: object) -> Any:
        """Give the child for these values of its labels."""
        words = tuple([words(value) for words, value in zip(self._words, values, strict=True)])
        child = self._children.get(words)
        return self._new(words) if child is None else child

    def _new(self, words: tuple[str, ...]) -> Any:
        if not words:
            return self._metric
        if len(self._children) >= MOST_SERIES:
            return self._metric.labels(*[OTHER] * len(words))
        child = self._children[words] = self._metric.labels(*words)
        return child


class Metrics:
    """What is counted; the names stand in the page on Prometheus."""

    def __init__(self, registry: CollectorRegistry, tags: tuple[str, ...] = ()) -> None:
        self.tags = tags
        self._registry = registry
        self._provider, self._chain = Words(), Words()
        short = Words(40)  # kinds, stages, billings: words of ours
        money = Words(20)
        labels = ("chain", "outcome", *(_label(tag) for tag in tags))
        self.requests = self._counter(
            "requests", "Requests, by how they ended.", labels, self._chain, short, *(Words() for _ in tags)
        )
        self.request_seconds = self._histogram("request_seconds", "Time of a request.", ("chain",), self._chain)
        self.fallbacks = self._counter("fallbacks", "Requests that fell back.", ("chain",), self._chain)
        self.attempts = self._counter(
            "attempts",
            "Attempts, by what came of them and whether they were billed.",
            ("provider", "kind", "billing"),
            self._provider, short, short,
        )  # fmt: skip
        self.attempt_seconds = self._histogram(
            "attempt_seconds", "Time of an attempt.", ("provider", "resolution"), self._provider, short
        )
        self.in_flight = self._gauge("in_flight", "Attempts in flight.", ("provider",), self._provider)
        self.overdue = self._gauge("overdue", "Attempts older than 1.5 × P99.", ("provider",), self._provider)
        self.hedges = self._counter(
            "hedges", "Attempts that joined another.", ("provider", "result"), self._provider, short
        )
        self.retries = self._counter("retries", "Second tries of one provider.", ("provider",), self._provider)
        self.breaker_open = self._gauge(
            "breaker_open", "Breakers that are not closed, by process.", ("scope", "name"), short, Words(300)
        )
        self.cost = self._counter(
            "cost", "Money, spent or perhaps.", ("provider", "currency", "certainty"), self._provider, money, short
        )
        self.cost_corrected = self._counter(
            "cost_corrected", "Money counted as possible that was not spent.", ("provider", "currency"),
            self._provider, money,
        )  # fmt: skip
        self.cost_unknown = self._counter(
            "cost_unknown", "Attempts whose price is not known.", ("provider",), self._provider
        )
        self.pixels_short = self._counter(
            "pixels_short", "Pixels asked that did not come.", ("provider",), self._provider
        )
        self.loop_lag = self._counter("loop_lag_seconds", "Lateness of the event loop, from 0.25 s on.", ())

    def _counter(self, name: str, text: str, labels: tuple[str, ...], *words: Words) -> Family:
        return Family(lambda: Counter(f"pixroute_{name}", text, labels, registry=self._registry), words)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...], *words: Words) -> Family:
        def make() -> Gauge:
            return Gauge(f"pixroute_{name}", text, labels, registry=self._registry, multiprocess_mode=PROCESSES)

        return Family(make, words)

    def _histogram(self, name: str, text: str, labels: tuple[str, ...], *words: Words) -> Family:
        return Family(
            lambda: Histogram(f"pixroute_{name}", text, labels, registry=self._registry, buckets=BUCKETS), words
        )


_MADE: WeakKeyDictionary[CollectorRegistry, Metrics] = WeakKeyDictionary()


def metrics_on(registry: CollectorRegistry, tags: tuple[str, ...]) -> Metrics:
    """Give the metrics of a registry, made once: routers of one process, and a reloaded one, count together.

    Raises:
        ValueError: they have other tags.
    """
    made = _MADE.get(registry)
    if made is None:
        made = _MADE[registry] = Metrics(registry, tags)
    if made.tags != tags:
        raise ValueError(
            f"tags: this process labels its metrics by {list(made.tags)} already; restart it to change that"
        )
    return made


def _label(tag: str) -> str:
    return "tag_" + re.sub(r"\W", "_", tag, flags=re.ASCII)
