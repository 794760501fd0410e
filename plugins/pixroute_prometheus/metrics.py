"""The metrics, on one registry once; and where each label takes its bounded words."""

from __future__ import annotations

import re
from typing import Any, Literal
from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pixroute.labels import OTHER, LabelWords

BUCKETS = (1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600)
"""Seconds: a picture of 1K takes ten, one of 4K some hundreds."""
PROCESSES: Literal["livesum"] = "livesum"
"""How the gauges of several processes become one: by their sum, of those that live."""


MOST_SERIES = 2_000
"""Series of one metric; whatever would be one more counts as "other" in every label."""


class Family:
    """A metric whose labels are bounded, and whose children are kept: looking them up anew is half of the cost."""

    def __init__(self, metric: Any, words: tuple[LabelWords, ...]) -> None:
        self._metric = metric
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


class PrometheusMetrics:
    """What is counted; the names stand in the page on Prometheus."""

    def __init__(self, registry: CollectorRegistry, tags: tuple[str, ...] = ()) -> None:
        self.tags = tags
        self._registry = registry
        self._words = {"currency": LabelWords(20), "name": LabelWords(300)}  # the other labels as `LabelWords` has it
        labels = [_label(tag) for tag in tags]
        self.requests = self._counter("requests", "Requests, by how they ended.", "chain", "outcome", *labels)
        self.request_seconds = self._histogram("request_seconds", "Time of a request.", "chain")
        self.fallbacks = self._counter("fallbacks", "Requests that fell back.", "chain")
        self.attempts = self._counter("attempts", "Attempts, by what came of them.", "provider", "kind", "billing")
        self.attempt_seconds = self._histogram("attempt_seconds", "Time of an attempt.", "provider", "resolution")
        self.in_flight = self._gauge("in_flight", "Attempts in flight.", "provider")
        self.overdue = self._gauge("overdue", "Attempts in flight older than 1.5 × P99.", "provider")
        self.hedges = self._counter("hedges", "Attempts that joined another.", "provider", "result")
        self.retries = self._counter("retries", "Second tries of one provider.", "provider")
        self.breaker_open = self._gauge("breaker_open", "Breakers not closed, by process.", "scope", "name")
        self.cost = self._counter("cost", "Money, spent or perhaps.", "provider", "currency", "certainty")
        self.cost_corrected = self._counter("cost_corrected", "Of the possible, what was free.", "provider", "currency")
        self.cost_unknown = self._counter("cost_unknown", "Attempts whose price is not known.", "provider")
        self.pixels_short = self._counter("pixels_short", "Pixels asked that did not come.", "provider")
        self.store_away = self._gauge("store_away", "Processes from which the shared store is away.", "port")
        self.store_changes = self._counter("store_changes", "What befell the shared store.", "port", "state")
        self.loop_lag = self._counter("loop_lag_seconds", "Lateness of the event loop, from 0.25 s on.")

    def _counter(self, name: str, text: str, *labels: str) -> Family:
        return self._family(Counter(f"pixroute_{name}", text, labels, registry=self._registry), labels)

    def _gauge(self, name: str, text: str, *labels: str) -> Family:
        made = Gauge(f"pixroute_{name}", text, labels, registry=self._registry, multiprocess_mode=PROCESSES)
        return self._family(made, labels)

    def _histogram(self, name: str, text: str, *labels: str) -> Family:
        made = Histogram(f"pixroute_{name}", text, labels, registry=self._registry, buckets=BUCKETS)
        return self._family(made, labels)

    def _family(self, metric: Any, labels: tuple[str, ...]) -> Family:
        return Family(metric, tuple(self._words.setdefault(label, LabelWords()) for label in labels))


_MADE: WeakKeyDictionary[CollectorRegistry, PrometheusMetrics] = WeakKeyDictionary()


def metrics_on(registry: CollectorRegistry, tags: tuple[str, ...]) -> PrometheusMetrics:
    """Give the metrics of a registry, made once: routers of one process, and a reloaded one, count together.

    Raises:
        ValueError: they have other tags.
    """
    made = _MADE.get(registry)
    if made is None:
        made = _MADE[registry] = PrometheusMetrics(registry, tags)
    if made.tags != tags:
        raise ValueError(
            f"tags: this process labels its metrics by {list(made.tags)} already; restart it to change that"
        )
    return made


def _label(tag: str) -> str:
    return "tag_" + re.sub(r"\W", "_", tag, flags=re.ASCII)
