"""The error bodies of every upstream, by fault, variant and voice (upstreams §1.5, §2.6, §3.3, §4.5).

The first variant is the default and has all voices. A variant that only one upstream words is told by the others as
it stands, as relays do. "{model}" and "{id}" are filled in when told.
"""

from typing import Any

from pixroute.testing.emulator.envelopes import ark, detail, gateway, google, openai
from pixroute.testing.emulator.services import SERVICES, Service

Wording = tuple[int, Any]

_DEADLINE = "Deadline expired before operation could complete."
_QUOTA = "You exceeded your current quota, please check your plan and billing details."


def _limited(quota: str, limit: int) -> Wording:
    metric = "generativelanguage.googleapis.com/generate_requests_per_model"
    message = f"{_QUOTA}\n* Quota exceeded for metric: {metric}, limit: {limit}, model: {{model}}"
    dimensions = {"location": "global", "model": "{model}"}
    violation = {"quotaMetric": metric, "quotaId": quota, "quotaDimensions": dimensions, "quotaValue": str(limit)}
    return 429, google(429, "RESOURCE_EXHAUSTED", message, detail("QuotaFailure", violations=[violation]))


_BAD_KEY = "API key not valid. Please pass a valid API key."
_BAD_KEY_INFO = detail(
    "ErrorInfo",
    reason="API_KEY_INVALID",
    domain="googleapis.com",
    metadata={"service": "generativelanguage.googleapis.com"},
)

BODIES: dict[str, dict[str, dict[str, Wording]]] = {
    "overloaded": {
        "own": {
            "google": (
                503,
                google(
                    503,
                    "UNAVAILABLE",
                    "This model is currently experiencing high demand. Spikes in demand are usually temporary. "
                    "Please try again later.",
                ),
            ),
            "openai": (503, openai("The engine is currently overloaded, please try again later", "server_error")),
            "ark": (429, ark("ServerOverloaded", "The service is currently overloaded.", "TooManyRequests")),
            "gateway": (
                503,
                gateway("The model is overloaded. Please try again later.", 503, type_="upstream_error"),
            ),
        },
        "saturated": {"gateway": (429, gateway("当前分组上游负载已饱和，请稍后再试 (request id: {id})"))},
    },
    "rate-limited": {
        "own": {
            "google": _limited("GenerateRequestsPerMinutePerProjectPerModel", 20),
            "openai": (429, openai("Rate limit reached for images per minute.", "requests", "rate_limit_exceeded")),
            "ark": (429, ark("RateLimitExceeded.EndpointRPMExceeded", "The RPM limit is exceeded.", "TooManyRequests")),
            "gateway": (429, gateway("Too many requests (request id: {id})", "rate_limit_exceeded")),
        },
        "short": {
            "google": (429, google(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."))
        },
    },
    "quota": {
        "own": {
            "google": _limited("GenerateRequestsPerDayPerProjectPerModel", 1000),
            "openai": (429, openai(_QUOTA, "insufficient_quota", "insufficient_quota")),
            "ark": (403, ark("AccountOverdueError", "The account has an overdue balance.", "Forbidden")),
            "gateway": (
                403,
                gateway(
                    "user [10001] quota [120] preConsumedQuota [45000] is not enough",
                    "insufficient_user_quota",
                    localized_message="Insufficient user quota",
                ),
            ),
        },
        "limit-0": {"google": _limited("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", 0)},
        "prepaid": {"google": (402, google(402, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."))},
        "set-limit": {"ark": (429, ark("SetLimitExceeded", "The set limit is exceeded.", "TooManyRequests"))},
    },
    "bad-key": {
        "own": {
            "google": (400, google(400, "INVALID_ARGUMENT", _BAD_KEY, _BAD_KEY_INFO)),
            "openai": (401, openai("Incorrect API key provided.", "invalid_request_error", "invalid_api_key")),
            "ark": (401, ark("AuthenticationError", "The API key is missing or invalid.", "Unauthorized")),
            "gateway": (401, gateway("无效的令牌 (request id: {id})")),
        },
    },
    "forbidden": {
        "own": {
            "google": (403, google(403, "PERMISSION_DENIED", "The caller does not have permission")),
            "openai": (
                403,
                openai("Your organization must be verified to use the model `{model}`.", "invalid_request_error"),
            ),
            "ark": (403, ark("AccessDenied", "The key has no access to the model {model}.", "Forbidden")),
            "gateway": (403, gateway("该令牌无权访问模型 {model} (request id: {id})", "model_access_denied")),
        },
    },
    "model-gone": {
        "own": {
            "google": (
                404,
                google(
                    404,
                    "NOT_FOUND",
                    "models/{model} is not found for API version v1beta, or is not supported for generateContent.",
                ),
            ),
            "openai": (
                404,
                openai("The model '{model}' does not exist.", "invalid_request_error", "model_not_found", "model"),
            ),
            "ark": (404, ark("ModelNotOpen", "The account has not activated the model {model}.", "NotFound")),
            "gateway": (404, gateway("The model `{model}` does not exist", "model_not_found")),
        },
        "unsupported": {"gateway": (400, gateway("model {model} is not supported on this route", "bad_request"))},
    },
    "invalid": {
        "own": {
            "google": (400, google(400, "INVALID_ARGUMENT", "Invalid value at 'generation_config.image_config'")),
            "openai": (400, openai("Invalid size.", "invalid_request_error", "invalid_value", "size")),
            "ark": (
                400,
                ark("InvalidParameter", "The parameter `size` is not valid.", "BadRequest", "size"),
            ),
            "gateway": (400, gateway("invalid size", "invalid_request", param="size")),
        },
        # Transient, though it says 400: Ark could not fetch our picture (upstreams §4.5).
        "input-fetch": {"ark": (400, ark("InvalidParameter", "Timeout while downloading url=http://a.example/", ""))},
    },
    "server-error": {
        "own": {
            "google": (500, google(500, "INTERNAL", "An internal error has occurred. Please retry or report.")),
            "openai": (500, openai("The server had an error while processing your request.", "server_error")),
            "ark": (500, ark("InternalServiceError", "An internal error occurred.", "InternalServerError")),
            "gateway": (500, gateway("bad response status code 500", "bad_response_status_code", param="500")),
        },
        "empty-502": {"gateway": (502, gateway("", "bad_response_status_code", param="502"))},
        "write-failed": {
            "gateway": (
                500,
                {
                    "status_code": 500,
                    **gateway(
                        "write tcp 10.0.0.1:443->203.0.113.5:52310: write: connection reset by peer",
                        "write_response_body_failed",
                    ),
                },
            )
        },
    },
    "deadline": {
        "own": {
            "google": (504, google(504, "DEADLINE_EXCEEDED", _DEADLINE)),
            "openai": (504, openai(_DEADLINE, "server_error")),
            "ark": (504, ark("InternalServiceError", _DEADLINE, "InternalServerError")),
            "gateway": (504, gateway("Upstream model timed out", 504, type_="upstream_error")),
        },
        # Google's quirk: its deadline under another status.
        "503": {"google": (503, google(503, "UNAVAILABLE", _DEADLINE))},
    },
}


def word(service: Service) -> None:
    """Let faults be told in a service's words.

    Raises:
        ValueError: it words a fault that there is not.
    """
    for place, wording_ in service.errors.items():
        fault, _, variant = place.partition("/")
        if fault not in BODIES:
            raise ValueError(f"service {service.name!r} words {fault!r}, which is no fault")
        BODIES[fault].setdefault(variant or "own", {})[service.name] = wording_


for _service in SERVICES:
    word(_service)


def wording(fault: str, variant: str, voice: str) -> Wording:
    """Status and body of a fault as `voice` tells it."""
    voices = BODIES[fault][variant]
    return voices.get(voice) or voices.get("gateway") or next(iter(voices.values()))
