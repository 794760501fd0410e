"""Names of attributes and metrics, all in one place because they still move.

The GenAI names are those of open-telemetry/semantic-conventions-genai, docs/gen-ai/client-inference.md at ac48b1f9 and
CHANGELOG at 002c8a6e, status Development; the names of metrics before #374 and #521 are those of semantic-conventions
1.37. What the conventions have no name for begins with `pixroute.`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from attrs import frozen

OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
LATEST = "gen_ai_latest_experimental"

GENERATE = "generate_content"
"""`gen_ai.operation.name`: the conventions have none for pictures; the output type says what it makes."""
IMAGE = "image"

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
OUTPUT_TYPE = "gen_ai.output.type"
REQUEST_MODEL = "gen_ai.request.model"
CHOICES = "gen_ai.request.choice.count"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - a name
COST_AMOUNT = "gen_ai.usage.cost.amount"  # PR #443, open
COST_CURRENCY = "gen_ai.usage.cost.currency"
COST_SOURCE = "gen_ai.usage.cost.source"
ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"

REQUEST = "pixroute.request.id"
CHAIN = "pixroute.chain"
ENDING = "pixroute.ending"
BLAME = "pixroute.blame"
FELL_BACK = "pixroute.fell_back"
SIZE = "pixroute.size"
TIMEOUT = "pixroute.timeout"
PICTURES = "pixroute.pictures"
ATTEMPTS = "pixroute.attempts"
TAG = "pixroute.tag."
OWN_PROVIDER = "pixroute.provider"
BESIDE = "pixroute.beside"
REASON = "pixroute.reason"
RESOLUTION = "pixroute.resolution"
PART = "pixroute.part"
ATTEMPT = "pixroute.attempt.id"
NUMBER = "pixroute.attempt.number"
HEDGE = "pixroute.attempt.hedge"
RETRY = "pixroute.attempt.retry"
KIND = "pixroute.attempt.kind"
STAGE = "pixroute.attempt.stage"
BILLING = "pixroute.attempt.billing"
FIRST_BYTE = "pixroute.attempt.first_byte"
MESSAGE = "pixroute.attempt.message"
URL = "pixroute.attempt.url"
JOB = "pixroute.job.id"
WIDTH = "pixroute.delivered.width"
HEIGHT = "pixroute.delivered.height"
CERTAIN = "pixroute.cost.certain"
POSSIBLE = "pixroute.cost.possible"
CURRENCY = "pixroute.cost.currency"
CERTAINTY = "pixroute.cost.certainty"
SCOPE = "pixroute.breaker.scope"
PORT = "pixroute.store.port"
BREAKER = "pixroute.breaker.name"
STATE = "pixroute.breaker.state"
RESULT = "pixroute.hedge.result"

BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 450.0, 600.0)
"""Seconds; the conventions' own end at 81.92, where a picture of 4K begins."""
LAGS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)


@frozen
class MetricNames:
    """The GenAI metrics of one state of the conventions; `tokens` is a histogram by type, or a counter for each."""

    duration: str
    tokens: str | None
    counters: Mapping[str, str]


_BEFORE = MetricNames("gen_ai.client.operation.duration", "gen_ai.client.token.usage", {})
_LATEST = MetricNames(
    "gen_ai.client.inference.duration",
    None,
    {
        "input_tokens": "gen_ai.client.inference.usage.input_tokens",
        "output_tokens": "gen_ai.client.inference.usage.output_tokens",
    },
)


def metric_names(environ: Mapping[str, str] = os.environ) -> MetricNames:
    """Give the names that the environment asks for: the latest by `gen_ai_latest_experimental`, else those before."""
    return _LATEST if LATEST in environ.get(OPT_IN, "").replace(" ", "").split(",") else _BEFORE
