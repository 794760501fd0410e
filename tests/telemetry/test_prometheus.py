"""Metrics for Prometheus: their labels are bounded, a server shows them, several processes count together."""

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from attrs import evolve
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from pixroute.blocking import Router
from pixroute.cost import Cost
from pixroute.events import AttemptFinished, AttemptStarted, BreakerChanged, Ending, RequestFinished
from pixroute.outcome import Billing, Failure, FailureKind, Stage
from pixroute.testing import run_virtual
from pixroute_prometheus.observer import PrometheusObserver
from pixroute_prometheus.settings import PrometheusSettings

HERE = Path(__file__).parent


@pytest.fixture
def registry():
    """A registry of the test's own."""
    return CollectorRegistry()


def started(**fields):
    """An attempt that began."""
    said = {"at": 0.0, "request": "r", "attempt": "a", "provider": "p", "model": "m", "resolution": "1K"}
    return AttemptStarted(**said | {"ends_at": 9.0, "price": Cost()} | fields)


def finished(**fields):
    """An attempt that ended."""
    said = {"at": 1.0, "request": "r", "attempt": "a", "provider": "p", "stage": Stage.DONE, "seconds": 1.0}
    return AttemptFinished(**said | {"billing": Billing.BILLED, "cost": Cost()} | fields)


def series(registry):
    """How many lines the exposition has beside comments."""
    return sum(not line.startswith(b"#") for line in generate_latest(registry).splitlines())


def test_a_fallback_is_counted(registry, scenes):
    """Requests, attempts by kind and billing, money, and nothing left in flight."""
    run_virtual(scenes["fallback"].play(PrometheusObserver(registry=registry)))

    value = registry.get_sample_value
    assert value("pixroute_requests_total", {"chain": "default", "outcome": "picture"}) == 1
    assert value("pixroute_fallbacks_total", {"chain": "default"}) == 1
    assert value("pixroute_attempts_total", {"provider": "first", "kind": "empty", "billing": "billed"}) == 1
    assert value("pixroute_attempts_total", {"provider": "second", "kind": "picture", "billing": "billed"}) == 1
    paid = {"provider": "second", "currency": "USD", "certainty": "certain"}
    assert value("pixroute_cost_total", paid) == pytest.approx(0.04)
    assert value("pixroute_in_flight", {"provider": "second"}) == 0
    assert value("pixroute_attempt_seconds_count", {"provider": "first", "resolution": "1K"}) == 1


def test_an_attempt_that_is_overdue_is_a_gauge(registry, scenes):
    """It rises at 1.5 × P99, and falls when the attempt ends."""
    observer, seen = PrometheusObserver(registry=registry), []

    def look(event):
        seen.append((type(event).__name__, registry.get_sample_value("pixroute_overdue", {"provider": "first"})))

    run_virtual(scenes["deadline"].play(observer, look))

    assert ("AttemptOverdue", 1.0) in seen
    assert seen[-1] == ("RequestFinished", 0.0)


@pytest.mark.slow  # a hundred thousand values
def test_labels_stay_bounded_under_hostile_values(registry):
    """100,000 different tags, models, providers and errors."""
    observer = PrometheusObserver(PrometheusSettings(tags=("team", "user")), registry=registry)
    failure = Failure(kind=FailureKind.UNKNOWN, message="")
    cost = Cost(certain=None)
    base = RequestFinished(at=1.0, request="r", seconds=1.0, error="X", ending=Ending.FAILED)

    for number in range(100_000):
        word = f"hostile-{number}\n\x00" + "x" * 200
        if number % 10 == 0:
            observer(started(provider=word, model=word, attempt=word))
            observer(
                finished(provider=word, model=word, attempt=word, failure=evolve(failure, message=word), cost=cost)
            )
            changed = {"until": None, "reason": word, "scope": word}
            observer(BreakerChanged(at=0.0, key=word, state="open", **changed))
            observer(BreakerChanged(at=0.0, key=word, state="closed", **changed))
        observer(evolve(base, chain=word, error=word, tags={"team": word, "user": f"u{number % 1000}"}))

    text = generate_latest(registry)
    assert series(registry) < 20_000
    assert b"hostile-99999" not in text
    assert max(map(len, text.splitlines())) < 1000
    assert observer._overdue == observer._not_closed == {}


def test_two_routers_of_a_process_count_together(registry):
    """A registry's metrics are made once; other tags are refused."""
    one, other = PrometheusObserver(registry=registry), PrometheusObserver(registry=registry)

    one(started())
    other(started())

    assert registry.get_sample_value("pixroute_in_flight", {"provider": "p"}) == 2
    with pytest.raises(ValueError, match="tags: this process labels its metrics by"):
        PrometheusObserver(PrometheusSettings(tags=("team",)), registry=registry)


def test_the_server_shows_the_metrics_until_the_last_user_leaves(registry, unused_tcp_port):
    """Two observers at one place share it."""
    settings = PrometheusSettings(port=unused_tcp_port)
    one, other = (PrometheusObserver(settings, registry=registry) for _ in range(2))
    url = f"http://127.0.0.1:{unused_tcp_port}/metrics"
    one(started())

    one.close()
    one.close()
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    other.close()

    assert 'pixroute_in_flight{provider="p"} 1.0' in text
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url)


def test_a_configuration_names_it_and_closing_the_router_closes_it(unused_tcp_port):
    """Nobody listens any more."""
    url = f"http://127.0.0.1:{unused_tcp_port}/metrics"
    said = {
        "chains": {"default": ["openai"]},
        "providers": {"openai": {"type": "openai-images", "api_key": "k", "base_url": "https://x.test/v1"}},
        "observers": {"prometheus": {"port": unused_tcp_port}},
    }
    with Router.from_mapping(said), urllib.request.urlopen(url) as answer:
        status = answer.status

    assert status == 200
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url)


@pytest.mark.slow  # two interpreters
def test_two_processes_count_together(tmp_path):
    """Counters add up; gauges too, of those that live."""
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    command = [sys.executable, str(HERE / "counting_process.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    workers = [subprocess.Popen(command, env=environment, **pipes) for _ in range(2)]
    together = CollectorRegistry()
    MultiProcessCollector(together, path=str(tmp_path))
    try:
        assert [worker.stdout.readline() for worker in workers] == [b"ready\n"] * 2
        asked = together.get_sample_value("pixroute_requests_total", {"chain": "default", "outcome": "picture"})
        in_flight = together.get_sample_value("pixroute_in_flight", {"provider": "first"})
        workers[0].kill()
        workers[0].wait()
        mark_process_dead(workers[0].pid, str(tmp_path))
        left = together.get_sample_value("pixroute_in_flight", {"provider": "first"})
        workers[1].communicate(b"\n")
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()

    assert (asked, in_flight, left) == (2, 2, 1)
    assert together.get_sample_value("pixroute_in_flight", {"provider": "first"}) is None
    assert together.get_sample_value("pixroute_requests_total", {"chain": "default", "outcome": "picture"}) == 2
    assert re.fullmatch(r"counter_\d+\.db", next(tmp_path.glob("counter_*.db")).name)
