"""What the fields of one layer of an error answer say: words, machine words, status, parameter, wait."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pixroute.http.judging.codes import COARSE, squeeze
from pixroute.http.judging.layers import mappings, parsed

_WORDS = re.compile("(message|msg|details?|description|errors?|title|reason|raw|desc)(_[a-z]{2})?")  # a name's end
_CODES = re.compile(
    "(error|err|fail|failure|reject|inner|sub|finish|block)?_?(code|type|reason|name)|status|error_status"
)
_STATUSES = ("code", "status_code", "statuscode", "status", "http_code", "error", "error_code")
_EXPLAINS = re.compile("categor|violations?$|^reasons$|flagged|failed_check|support_?code", re.IGNORECASE)
_BASE_RESP: Mapping[int, str] = MappingProxyType(
    {
        1002: "rate_limit", 1004: "invalid_api_key", 1008: "insufficient_balance", 1026: "input_sensitive_content",
        1027: "output_sensitive_content", 1039: "tpm_rate_limit", 1041: "concurrency", 1042: "invalid_input",
        1043: "invalid_input", 1044: "invalid_input", 2013: "invalid_params", 2037: "invalid_input",
        2045: "rate_limit", 2049: "invalid_api_key", 2056: "usage_limit", 2061: "model_access",
    }
)  # fmt: skip
"""MiniMax's numbers (its page of error codes)."""


def _named(layer: Mapping[str, Any], fits: Callable[[str], object]) -> Iterator[Any]:
    """Give the values of the fields whose names fit, `code` and `message` before all others."""
    names = [name for name in layer if isinstance(name, str) and len(name) <= _LONGEST_NAME and fits(name)]
    for name in sorted(names, key=lambda name: name not in {"code", "message"}):
        yield layer[name]


def words_in(layer: Mapping[str, Any]) -> Iterator[str]:
    """Give what is said in words."""
    for values in _named(layer, _WORDS.search):
        for value in values[:4] if isinstance(values, list) else [values]:
            if (
                isinstance(value, str)
                and value.strip()
                and not (value.lstrip()[:1] in "{[" and mappings(parsed(value)))
            ):
                yield value.strip()
    for value in _named(layer, _CODES.fullmatch):  # a sentence there is no machine word
        if isinstance(value, str) and value.count(" ") > 1 and squeeze(value) not in COARSE:
            yield value.strip()


def codes_in(layer: Mapping[str, Any]) -> Iterator[str]:
    """Give the machine words, and the numbers that stand for some."""
    for value in _named(layer, _CODES.fullmatch):
        if isinstance(value, str) and value and not http_status(value) and "://" not in value:
            yield value
    if isinstance(word := layer.get("error"), str) and word and not re.search(r"\s", word) and len(word) <= _ONE_WORD:
        yield word
    if isinstance(number := layer.get("status_code"), int) and number in _BASE_RESP:
        yield _BASE_RESP[number]


_ONE_WORD = 60
ONE_LINE = 120
"""Characters of a code or an id."""
_LONGEST_NAME = 24


def detail_codes(detail: Mapping[str, Any]) -> Iterator[str]:
    """Read Google's details: ErrorInfo's reason, QuotaFailure's period and limit."""
    if isinstance(reason := detail.get("reason"), str):
        yield reason
    if any("PerDay" in brief(one.get("quota_limit") or "") for one in mappings(detail.get("metadata"))):
        yield "quota_per_day"
    for violation in mappings(detail.get("violations")):
        if "PerDay" in brief(violation.get("quotaId") or ""):
            yield "quota_per_day"
        if violation.get("quotaValue") in ("0", 0):
            yield "quota_zero"


def param_in(layer: Mapping[str, Any]) -> str | None:
    """Read what the request got wrong: `param`, FastAPI's `loc`, Google's field violations."""
    location = layer.get("loc")
    steps = [str(step) for step in location if isinstance(step, str)] if isinstance(location, list) else []
    fields = [violation.get("field") for violation in mappings(layer.get("fieldViolations"))]
    named = (layer.get("param"), ".".join(steps[1:]) if steps[:1] in (["body"], ["query"]) else "", *fields)
    return next((one.strip() for one in named if isinstance(one, str) and _is_name(one.strip())), None)


def wait_in(layer: Mapping[str, Any]) -> str | None:
    """Read when to come back, from a field whose name says so; of milliseconds the thousandth."""
    for name, value in layer.items():
        if isinstance(name, str) and (named := _AGAIN.fullmatch(name)) and type(value) in {int, float, str}:
            text = brief(value)
            number = re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text, re.ASCII) if named[1] else None
            return str(float(text) / 1000) if number else text
    return None


_AGAIN = re.compile(
    "(?:(?:retry|try_?again|resets?)[_-]?(?:after|in)|reset(?=_s))(?:[_-]?(?:s|secs?|seconds))?([_-]?(?:ms|millis|milliseconds))?"
)


def _is_name(param: str) -> bool:
    return bool(param) and not param.isdigit() and param.lower() not in {"none", "null", "body"}


def notes_in(layer: Mapping[str, Any]) -> Iterator[str]:
    """Give what explains a refusal beside its words: categories, checks, support codes."""
    for name, value in layer.items():
        if isinstance(name, str) and _EXPLAINS.search(name):
            told = (
                value
                if isinstance(value, list)
                else [n for n, v in value.items() if v and v != "none"]
                if isinstance(value, Mapping)
                else [value]
            )
            words = ", ".join(
                brief(one) for one in told[:8] if isinstance(one, str | int) and not isinstance(one, bool)
            )
            if words:
                yield f"{name}: {words}"


def brief(value: Any) -> str:
    """Write a value shortly; Python writes no number of thousands of digits."""
    return "more than can be read" if isinstance(value, int) and abs(value) > _LARGEST else str(value)[:ONE_LINE]


_LARGEST = 10**15


def status_in(layer: Mapping[str, Any]) -> int | None:
    """Read the status a layer names; `param` holds the upstream's beside a gateway's word for it."""
    names = [*_STATUSES, *(("param",) if layer.get("code") == "bad_response_status_code" else ())]
    return next((status for name in names if (status := http_status(layer.get(name)))), None)


def http_status(value: Any) -> int | None:
    """Read a status of the classes 4 and 5, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str) or (isinstance(value, int) and abs(value) > 999):
        return None
    return int(value) if re.fullmatch("[45][0-9][0-9]", str(value)) else None
