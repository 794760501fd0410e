"""What telling costs: a request nobody observes, OpenTelemetry beside the same by hand, and Prometheus."""

import asyncio
import time
from functools import partial
from types import SimpleNamespace

from measure import Figure, cpu, ratios, take_turns
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind, set_span_in_context
from prometheus_client import CollectorRegistry

from pixroute.events import AttemptFinished, AttemptStarted, RequestFinished, RequestStarted
from pixroute.policy import Policy
from pixroute.request import ImageRequest
from pixroute.routing.budget import RequestBudget
from pixroute.routing.chain import Chain
from pixroute.routing.emitter import Emitter
from pixroute.routing.part import WholeRequest
from pixroute.testing import FakeProvider, fake_router
from pixroute_otel import names
from pixroute_otel.observer import OtelObserver
from pixroute_prometheus.observer import PrometheusObserver

NOBODY = 5.0
OTEL = 1.3
PROMETHEUS = 25.0


def run(*, quick: bool) -> list[Figure]:
    """A request for one picture, of a provider without network."""
    rounds, times = (9, 200) if quick else (21, 600)
    nobody, told, by_hand, alone, hand_alone, prometheus = asyncio.run(_measure(rounds, times))
    figure = partial(Figure, benchmark="telemetry")
    return [
        figure(name="nobody observing: what is not told", unit="µs", values=nobody, target=NOBODY),
        figure(name="OpenTelemetry ÷ the same by hand", unit="×", values=ratios(told, by_hand), target=OTEL),
        figure(name="  the observer alone ÷ by hand", unit="×", values=ratios(alone, hand_alone)),
        figure(name="  the observer alone", unit="µs", values=alone),
        figure(name="Prometheus", unit="µs", values=prometheus, target=PROMETHEUS),
    ]


async def _measure(rounds: int, times: int) -> list[tuple[float, ...]]:
    events = await _events()
    otel, hand = OtelObserver(**_sdk()), ByHand(**_sdk())
    counting = PrometheusObserver(registry=CollectorRegistry())
    async with _router() as plain, _router(otel) as watched:
        return await take_turns(
            rounds,
            partial(_untold, 10 * times),
            partial(cpu, partial(watched.generate, "a lighthouse"), times),
            partial(cpu, partial(_asked_by_hand, plain, hand, events), times),
            partial(_replayed, otel, events, times),
            partial(_replayed, hand, events, times),
            partial(_replayed, counting, events, times),
        )


def _router(*observers):
    return fake_router(FakeProvider(latency=(5, 8, 10)), observers=observers)


async def _events():
    """What one request tells."""
    events = []
    async with _router(events.append) as router:
        await router.generate("a lighthouse", size="1K")
    return events


def _sdk():
    """An SDK that keeps nothing: what is sent, and where, is the same for both."""
    tracers = TracerProvider()
    tracers.add_span_processor(SpanProcessor())
    return {"tracer_provider": tracers, "meter_provider": MeterProvider(metric_readers=[InMemoryMetricReader()])}


async def _untold(times: int) -> float:
    """Microseconds of the emitter in a request of one attempt, of which nobody is told."""
    shared = SimpleNamespace(observers=None, warned=set())
    whole = WholeRequest(
        request_id="r",
        chain=Chain.of("default", [], Policy()),
        asked=ImageRequest("a lighthouse"),
        policy=Policy(),
        began=0.0,
        timeout=None,
        budget=RequestBudget(None),
    )
    attempt = SimpleNamespace(failure=None, ended=1.0, request_id="r-0.1")
    began = time.process_time()
    for _ in range(times):
        emitter = Emitter(shared, whole)
        emitter.start()
        emitter.skips(0.0, 0, (), None)
        emitter.refused(attempt)
        emitter.begin(attempt, beside=None)
        emitter.finish(attempt)
    return 1e6 * (time.process_time() - began) / times


async def _replayed(observer, events, times: int) -> float:
    """Microseconds of an observer for one request."""
    began = time.process_time()
    for _ in range(times):
        for event in events:
            observer(event)
    return 1e6 * (time.process_time() - began) / times


async def _asked_by_hand(router, hand, events):
    """A request, with the spans and metrics that a careful engineer writes around it."""
    await router.generate("a lighthouse")
    for event in events:
        hand(event)


class ByHand:
    """The same spans, attributes and metrics, straight from the values and with nothing in between."""

    def __init__(self, *, tracer_provider, meter_provider):
        self.tracer = tracer_provider.get_tracer("by hand")
        meter = meter_provider.get_meter("by hand")
        self.duration = meter.create_histogram("duration", explicit_bucket_boundaries_advisory=[*names.BUCKETS])
        self.seconds = meter.create_histogram("seconds", explicit_bucket_boundaries_advisory=[*names.BUCKETS])
        self.requests, self.attempts = meter.create_counter("requests"), meter.create_counter("attempts")
        self.cost, self.in_flight = meter.create_counter("cost"), meter.create_up_down_counter("in_flight")

    def __call__(self, event):
        """Take one event."""
        if type(event) is RequestStarted:
            self._request(event)
        elif type(event) is AttemptStarted:
            self._attempt(event)
        elif type(event) is AttemptFinished:
            self._attempt_end(event)
        elif type(event) is RequestFinished:
            self._request_end(event)

    def _request(self, event):
        self.request = self.tracer.start_span(
            "generate_content",
            kind=SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "generate_content",
                "gen_ai.provider.name": "pixroute",
                "gen_ai.output.type": "image",
                "pixroute.request.id": event.request,
                "pixroute.chain": event.chain,
                "pixroute.size": event.size,
            },
        )

    def _attempt(self, event):
        self.request.update_name(f"generate_content {event.model}")
        self.request.set_attribute("gen_ai.request.model", event.model)
        self.attempt = self.tracer.start_span(
            f"attempt {event.provider}",
            context=set_span_in_context(self.request),
            attributes={
                "gen_ai.provider.name": event.provider,
                "pixroute.provider": event.provider,
                "pixroute.attempt.id": event.attempt,
                "pixroute.attempt.number": event.number,
                "pixroute.part": event.part,
                "pixroute.attempt.hedge": event.hedge,
                "pixroute.attempt.retry": event.retry,
                "pixroute.fell_back": event.fell_back,
                "pixroute.resolution": event.resolution,
                "gen_ai.request.model": event.model,
                "server.address": "fake.test",
                "server.port": 443,
            },
        )
        self.in_flight.add(1, {"pixroute.provider": event.provider})

    def _attempt_end(self, event):
        self.attempt.set_attributes(
            {
                "pixroute.attempt.kind": "picture",
                "pixroute.attempt.stage": event.stage.value,
                "pixroute.attempt.billing": event.billing.value,
                "pixroute.cost.currency": event.cost.currency,
                "pixroute.cost.certain": float(event.cost.certain),
                "pixroute.cost.possible": float(event.cost.possible),
                "pixroute.delivered.width": event.pictures[0][0],
                "pixroute.delivered.height": event.pictures[0][1],
            }
        )
        self.attempt.end()
        self.in_flight.add(-1, {"pixroute.provider": event.provider})
        self.attempts.add(
            1,
            {
                "pixroute.provider": event.provider,
                "pixroute.attempt.kind": "picture",
                "pixroute.attempt.billing": event.billing.value,
            },
        )
        self.seconds.record(
            event.seconds, {"pixroute.provider": event.provider, "pixroute.resolution": event.resolution}
        )
        self.cost.add(
            float(event.cost.certain),
            {
                "pixroute.provider": event.provider,
                "pixroute.cost.currency": event.cost.currency,
                "pixroute.cost.certainty": "certain",
            },
        )

    def _request_end(self, event):
        self.request.set_attributes(
            {
                "pixroute.ending": event.ending.value,
                "pixroute.fell_back": event.fell_back,
                "pixroute.attempts": event.attempts,
                "pixroute.pictures": event.pictures,
                "gen_ai.provider.name": event.provider,
                "gen_ai.response.finish_reasons": ["stop"],
                "pixroute.cost.currency": event.cost.currency,
                "pixroute.cost.certain": float(event.cost.certain),
                "pixroute.cost.possible": float(event.cost.possible),
            }
        )
        self.request.end()
        self.requests.add(
            1,
            {
                "pixroute.chain": event.chain,
                "pixroute.ending": event.ending.value,
                "pixroute.fell_back": event.fell_back,
            },
        )
        self.duration.record(
            event.seconds,
            {
                "gen_ai.operation.name": "generate_content",
                "gen_ai.provider.name": event.provider,
                "gen_ai.request.model": "fake-1",
            },
        )
