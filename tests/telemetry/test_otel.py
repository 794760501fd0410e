"""Spans and metrics of requests, as OpenTelemetry's own SDK keeps them."""

import pytest
from attrs import evolve
from opentelemetry import trace as otel_trace

from pixroute import trace
from pixroute.events import AttemptStarted, BreakerChanged
from pixroute.testing import FakeProvider, fake_router, run_virtual
from pixroute_otel import names
from pixroute_otel.usage import token_attributes

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_request_is_a_client_span_and_its_attempts_are_its_children(otel, scenes):
    """Names and attributes are the conventions', error.type is our kind."""
    told = otel()

    run_virtual(scenes["fallback"].play(told.observer))

    request, (first, second) = told.request, told.attempts
    assert request.name == "generate_content fake-1"
    assert request.attributes["gen_ai.output.type"] == "image"
    assert request.attributes["gen_ai.provider.name"] == "second"
    assert (request.attributes["pixroute.chain"], request.attributes["pixroute.fell_back"]) == ("default", True)
    assert request.attributes["pixroute.cost.certain"] == pytest.approx(0.08)
    assert [event.name for event in request.events] == ["pixroute.fallback"]
    assert {first.parent.span_id, second.parent.span_id} == {request.context.span_id}
    assert first.attributes["error.type"] == "empty"
    assert (second.attributes["pixroute.attempt.kind"], second.attributes["pixroute.delivered.width"]) == (
        "picture",
        1024,
    )
    assert (first.attributes["server.port"], first.attributes["pixroute.attempt.stage"]) == (443, "wait")
    assert request.status.is_unset


def test_the_span_stands_below_the_callers(otel, scenes):
    """By OpenTelemetry's own context, else by the traceparent that the context variable holds."""
    told, below = otel(), otel()
    tracer = told.tracers.get_tracer("caller")

    async def within():
        with tracer.start_as_current_span("caller"):
            await scenes["picture"].play(told.observer)

    async def given():
        token = trace.traceparent.set(PARENT)
        await scenes["picture"].play(below.observer)
        trace.traceparent.reset(token)

    run_virtual(within())
    run_virtual(given())

    caller = next(span for span in told.spans if span.name == "caller")
    assert told.request.parent.span_id == caller.context.span_id
    assert f"{below.request.context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{below.request.parent.span_id:016x}" == PARENT.split("-")[2]


def test_what_may_be_sent_upstream_is_the_attempts_own_span(otel):
    """The provider's spans hang below the attempt, not below the request."""
    told, sent = otel(), []

    class Looking(FakeProvider):
        async def generate(self, request, attempt):
            sent.append(attempt.traceparent)
            return await super().generate(request, attempt)

    async def main():
        async with fake_router(Looking(), observers=[told.observer]) as router:
            await router.generate("a lighthouse")

    run_virtual(main())

    (attempt,) = told.attempts
    flags = int(attempt.context.trace_flags)
    assert sent == [f"00-{attempt.context.trace_id:032x}-{attempt.context.span_id:016x}-{flags:02x}"]


def test_no_prompt_key_url_or_sentence_is_told_unasked(otel, scenes):
    """Only what was asked for is on the span."""
    plain, talking = otel(), otel(messages=True, tags=("team",), usage_cost=True)

    run_virtual(scenes["fallback"].play(plain.observer, talking.observer))

    everything = str([(span.name, dict(span.attributes), span.events, span.status.description) for span in plain.spans])
    assert "lighthouse" not in everything
    assert "scripted" not in everything
    assert "://" not in everything
    assert talking.attempts[0].attributes["pixroute.attempt.message"] == "scripted empty"
    assert talking.request.attributes["gen_ai.usage.cost.amount"] == pytest.approx(0.08)


def test_nothing_is_left_open(otel, scenes):
    """When every request has ended no span is held, and nothing is in flight."""
    told = otel()

    for scene in scenes.values():
        run_virtual(scene.play(told.observer))

    assert (told.observer._spans.requests, told.observer._spans.attempts) == ({}, {})
    gauges = {name: value for name, _, value in told.points if name in {"pixroute.in_flight", "pixroute.overdue"}}
    assert set(gauges.values()) <= {0}


@pytest.mark.slow  # thousands of hostile values
def test_attributes_stay_bounded_under_hostile_values(otel):
    """100,000 different names make a hundred series and one for the others."""
    told = otel(tags=("team",))

    for number in range(100_000):
        told.observer._metrics.began(_started(f"provider-{number}"))

    series = [attributes for name, attributes, _ in told.points if name == "pixroute.in_flight"]
    assert len(series) == 101
    assert {names.OWN_PROVIDER: "other"} in series


def test_an_open_breaker_is_told_to_those_on_its_way(otel):
    """And counted until it closes."""
    told = otel()
    changed = {"at": 1.0, "key": "https://a.test:443", "scope": "origin", "reason": "streak", "until": None}

    told.observer._spans.requests["r"] = _open_request(told)
    told.observer(_started("first"))
    told.observer(BreakerChanged(state="open", **changed))
    told.observer(BreakerChanged(state="half-open", **changed))
    opened = [value for name, _, value in told.points if name == "pixroute.breaker.open"]
    told.observer(BreakerChanged(state="closed", **changed))
    closed = [value for name, _, value in told.points if name == "pixroute.breaker.open"]

    attempt = told.observer._spans.attempts["r-1"].span
    assert [event.name for event in attempt.events] == ["pixroute.breaker"] * 3
    assert (opened, closed) == ([1], [0])


@pytest.mark.parametrize(
    ("asked", "duration"),
    [
        ("", "gen_ai.client.operation.duration"),
        ("http, gen_ai_latest_experimental", "gen_ai.client.inference.duration"),
    ],
)
def test_the_names_of_metrics_follow_the_opt_in(asked, duration):
    """`OTEL_SEMCONV_STABILITY_OPT_IN` chooses between two states of the conventions."""
    assert names.metric_names({"OTEL_SEMCONV_STABILITY_OPT_IN": asked}).duration == duration


def test_buckets_reach_ten_minutes(otel, scenes):
    """The SDK takes the advice."""
    told = otel()

    run_virtual(scenes["picture"].play(told.observer))

    data = told.reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    (duration,) = [metric for metric in data if metric.name == "gen_ai.client.operation.duration"]
    assert duration.data.data_points[0].explicit_bounds[-1] == 600


def _started(provider):
    from pixroute.cost import Cost  # noqa: PLC0415

    return AttemptStarted(
        at=0.0, request="r", attempt="r-1", provider=provider, model="m", resolution="1K", ends_at=9.0, price=Cost(),
        origin="https://a.test:443", upstream="u",
    )  # fmt: skip


def _open_request(told):
    from pixroute_otel.spans import OpenRequest  # noqa: PLC0415

    span = told.tracers.get_tracer("test").start_span("request")
    return OpenRequest(span, otel_trace.set_span_in_context(span))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 10, "output_tokens": 1290}, {"input_tokens": 10, "output_tokens": 1290}),
        (
            {
                "input_tokens_details": {"image_tokens": 3, "text_tokens": 7},
                "output_tokens_details": {"image_tokens": 1290},
            },
            {"image.input_tokens": 3, "text.input_tokens": 7, "image.output_tokens": 1290},
        ),
        (
            {"candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}], "thoughtsTokenCount": 5},
            {"image.output_tokens": 1290, "reasoning.output_tokens": 5},
        ),
        ({"input_tokens": -1, "output_tokens": True, "promptTokensDetails": [{}, 7, None, {"modality": 3}]}, {}),
        ({"input_tokens": "many", "input_tokens_details": "x" * 9, "candidatesTokensDetails": {"a": {}}}, {}),
    ],
)
def test_tokens_are_read_in_every_form(usage, expected):
    """OpenAI's, Gemini's, and nonsense."""
    assert token_attributes(usage) == {f"gen_ai.usage.{name}": count for name, count in expected.items()}


def test_tokens_of_all_attempts_are_on_the_requests_span_and_in_a_metric(otel):
    """A lost attempt's tokens were used too."""
    told = otel()

    class Counting(FakeProvider):
        async def generate(self, request, attempt):
            outcome = await super().generate(request, attempt)
            return evolve(outcome, usage={"input_tokens": 10, "output_tokens": 1290}, model="fake-1-0613")

    async def main():
        async with fake_router(Counting(), observers=[told.observer]) as router:
            await router.generate("a lighthouse")

    run_virtual(main())

    assert told.request.attributes["gen_ai.usage.output_tokens"] == 1290
    assert told.attempts[0].attributes["gen_ai.response.model"] == "fake-1-0613"
    counted = {attributes["gen_ai.token.type"]: value for name, attributes, value in told.points if "token" in name}
    assert counted == {"input": 10, "output": 1290}


def test_a_request_for_several_pictures_is_one_span(otel):
    """Its parts' attempts say which part they are of."""
    told = otel()

    async def main():
        async with fake_router(FakeProvider(), observers=[told.observer]) as router:
            await router.generate("a lighthouse", n=3)

    run_virtual(main())

    assert told.request.attributes["gen_ai.request.choice.count"] == 3
    assert told.request.attributes["pixroute.pictures"] == 3
    assert sorted(span.attributes["pixroute.part"] for span in told.attempts) == [0, 1, 2]
    assert "pixroute.fallback" not in {event.name for event in told.request.events}
