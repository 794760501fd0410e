"""Requests of every ending, and what tells of them."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pixroute import Failure, FailureKind, Policy, Stage
from pixroute.outcome import Blame
from pixroute.policy import RetryPolicy
from pixroute.testing import FakeProvider, fail, fake_router, picture, silence
from pixroute_otel.observer import OtelObserver
from pixroute_otel.settings import OtelSettings

QUICK = (5.0, 8.0, 10.0)
ONCE = Policy(retry=RetryPolicy(quick=False, rounds=()))


class Job(FakeProvider):
    """A provider that takes a job, and tells how far it is."""

    async def generate(self, request, attempt):
        """Take it, be half done after 2 s, and deliver."""
        attempt.note(job={"id": "j-1", "poll": "jobs/j-1"})
        for fraction in (0.25, 0.5, 0.75):
            await asyncio.sleep(1)
            attempt.progress(fraction)
        return await super().generate(request, attempt)


class Lacking(FakeProvider):
    """A provider on a machine without descriptors."""

    async def generate(self, request, attempt):
        """Fail by our own fault."""
        attempt.reached(Stage.CONNECT)
        return Failure(kind=FailureKind.UNKNOWN, message="no descriptors", stage=Stage.CONNECT, blame=Blame.OURS)


async def _asked(router, **options):
    return await router.generate("a lighthouse", size="1K", **options)


async def _cancelled(router, **options):
    task = asyncio.ensure_future(_asked(router, **options))
    await asyncio.sleep(2)
    task.cancel()
    return await task


async def _shut(router, **options):
    task = asyncio.ensure_future(_asked(router, **options))
    await asyncio.sleep(2)
    await router.aclose(drain=0)
    return await task


class Scene(SimpleNamespace):
    """A kind of request: its providers, its policy, and how it is asked."""

    policy = ONCE
    ask = staticmethod(_asked)
    options: Mapping[str, object] = {}

    async def play(self, *observers):
        """Ask once; give the result or what was raised."""
        async with fake_router(policy=self.policy, observers=observers, **self.providers()) as router:
            try:
                return await self.ask(router, **self.options)
            except BaseException as error:  # noqa: BLE001 - cancellation too
                return error


def _pair(first, second=None, **options):
    return lambda: {
        "first": FakeProvider(first, latency=QUICK, **options),
        "second": FakeProvider(*([second] if second else [picture(1)]), latency=QUICK),
    }


SCENES = {
    "picture": Scene(providers=_pair(picture(1))),
    "fallback": Scene(providers=_pair(fail(FailureKind.EMPTY, 1))),
    "retry": Scene(
        providers=lambda: {"first": FakeProvider(fail(FailureKind.OVERLOADED, 0.1, status=503), picture(1))},
        policy=Policy(),
    ),
    "hedge won": Scene(providers=_pair(silence(), hedge_after=3.0)),
    "hedge lost": Scene(providers=_pair(picture(40), silence(), hedge_after=3.0)),
    "moderated": Scene(providers=_pair(fail(FailureKind.MODERATED, 1, status=400))),
    "deadline": Scene(providers=_pair(silence(), silence()), options={"timeout": 20.0}),
    "budget": Scene(providers=_pair(picture(1)), options={"max_cost": "0.01"}),
    "cancelled": Scene(providers=_pair(silence()), ask=_cancelled),
    "shut down": Scene(providers=_pair(silence()), ask=_shut),
    "job": Scene(providers=lambda: {"first": Job(picture(1), latency=QUICK)}),
    "ours": Scene(providers=lambda: {"first": Lacking()}),
}


@pytest.fixture(params=SCENES)
def scene(request) -> tuple[str, Scene]:
    """Each kind of request, by its name."""
    return request.param, SCENES[request.param]


@pytest.fixture
def scenes() -> Mapping[str, Scene]:
    """All kinds of requests."""
    return SCENES


class Otel:
    """The observer before an SDK that keeps everything in memory."""

    def __init__(self, **settings):
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers, self.meters = TracerProvider(), MeterProvider(metric_readers=[self.reader])
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.observer = OtelObserver(OtelSettings(**settings), tracer_provider=self.tracers, meter_provider=self.meters)

    @property
    def spans(self):
        """Finished spans, the request's last."""
        return self.exporter.get_finished_spans()

    @property
    def request(self):
        """The request's span."""
        (found,) = [span for span in self.spans if span.kind.name == "CLIENT"]
        return found

    @property
    def attempts(self):
        """The attempts' spans."""
        return [span for span in self.spans if span.kind.name == "INTERNAL"]

    @property
    def points(self):
        """Every metric's points: (name, attributes, value or sum)."""
        data = self.reader.get_metrics_data()
        return [
            (metric.name, dict(point.attributes), getattr(point, "value", None) or getattr(point, "sum", 0))
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        ]


@pytest.fixture
def otel():
    """Make an observer with its memory."""
    made = []

    def make(**settings):
        made.append(Otel(**settings))
        return made[-1]

    yield make
    for each in made:
        each.tracers.shutdown()
        each.meters.shutdown()
