"""Every kind of ending leaves a trace and a metric."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from pixroute.testing import run_virtual
from pixroute_prometheus.observer import PrometheusObserver

EXPECTED = {
    # what happened: (outcome, error.type, the attempts' kinds, span events, another metric that tells of it)
    "picture": ("picture", None, ["picture"], [], None),
    "fallback": ("picture", None, ["empty", "picture"], ["fallback"], "pixroute_fallbacks_total"),
    "retry": ("picture", None, ["overloaded", "picture"], ["retry"], "pixroute_retries_total"),
    "hedge won": ("picture", None, ["picture", "cancelled"], ["hedge"], "pixroute_hedges_total"),
    "hedge lost": ("picture", None, ["picture", "cancelled"], ["hedge"], "pixroute_hedges_total"),
    "moderated": ("moderated", "moderated", ["moderated"], ["skipped"], None),
    "deadline": ("failed", "timeout", ["timeout", "timeout"], ["hedge"], "pixroute_overdue"),
    "budget": ("budget", "budget", [], ["skipped", "skipped"], None),
    "cancelled": ("cancelled", "cancelled", ["cancelled"], [], "pixroute_cost_total"),
    "shut down": ("shut_down", "shut_down", ["cancelled"], [], "pixroute_cost_total"),
    "job": ("picture", None, ["picture"], [], None),
    "ours": ("failed", "unknown", ["unknown"], ["skipped"], None),
}


def test_a_row_for_each(otel, scene, caplog):
    """The table is printed with `-s`."""
    name, what = scene
    told, registry, events = otel(), CollectorRegistry(), []

    run_virtual(what.play(told.observer, PrometheusObserver(registry=registry), events.append))

    span = told.request
    kinds = [attempt.attributes["pixroute.attempt.kind"] for attempt in told.attempts]
    between = [event.name.removeprefix("pixroute.") for event in span.events]
    counted = {
        sample.name: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name.endswith(("_total", "_overdue"))
    }
    (outcome,) = [
        sample.labels["outcome"]
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "pixroute_requests_total"
    ]
    print(f"{name:<11}{outcome:<11}{span.attributes.get('error.type', '-'):<11}{kinds} {between}")
    ended, error, expected_kinds, expected_between, metric = EXPECTED[name]
    assert (outcome, span.attributes["pixroute.ending"]) == (ended, ended)
    assert span.attributes.get("error.type") == error
    assert (kinds, between) == (expected_kinds, expected_between)
    assert metric is None or metric in counted
    assert "raised" not in caplog.text
    assert span.attributes["pixroute.blame"] == "ours" if name == "ours" else True
    assert all(event.chain == "default" for event in events if hasattr(event, "chain"))
    if name in {"cancelled", "shut down"}:
        assert span.attributes["pixroute.cost.possible"] == pytest.approx(0.04)
        assert events[-1].cost.possible == events[-2].cost.possible
    if name == "job":
        assert [event.name for event in told.attempts[0].events] == ["pixroute.job"]


def test_the_caller_that_went_away_still_sees_cancellation(scenes):
    """What is told changes nothing of what is raised."""
    assert isinstance(run_virtual(scenes["cancelled"].play()), asyncio.CancelledError)
