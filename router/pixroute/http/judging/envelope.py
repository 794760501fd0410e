"""What an error answer says, in any shape of providers and gateways (upstreams §1.5, §2.6, §3.3, §4.5).

`read_error` collects, `failure_from` judges. Both take any JSON whatsoever: what cannot be read is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from attrs import frozen

from pixroute.http.call import Reply
from pixroute.http.judging.hints import read_hint
from pixroute.http.judging.intermediary import Intermediary, intermediary
from pixroute.http.judging.observation import spell
from pixroute.outcome import Failure, FailureKind, Stage, classify
from pixroute.redact import quote, redact

_DEEPEST = 6  # an envelope in a message in an envelope in an array, and no more
_WORDS = ("message", "localized_message", "error", "detail", "error_description", "msg")
_REQUEST_ID = re.compile(r"request[ _-]?id\s*[:：]\s*([\w.-]+)", re.IGNORECASE | re.ASCII)
_LIMIT_ZERO = re.compile(r"\blimit: 0(?![\d.]*\d)")
_TAG = re.compile(r"<[^>]*>")
_TITLE = re.compile(r"<title>([^<]*)", re.IGNORECASE)


@frozen(kw_only=True)
class ErrorBody:
    """What an error answer says.

    `status` is the body's own where it names one, for gateways change the wire's. `codes` are every code, type,
    status name and reason, plus `quota_per_day` and `quota_zero`, which Google says in other ways. `text` is all that
    was said in words. `retry_delay` is RetryInfo's, unread.
    """

    status: int
    codes: tuple[str, ...] = ()
    text: str = ""
    request_id: str | None = None
    retry_delay: str | None = None


def carries_error(document: Any) -> bool:
    """Tell whether the document of a 2xx answer is an error after all."""
    document = document[0] if isinstance(document, list) and document else document
    return (
        isinstance(document, Mapping) and isinstance(document.get("error"), Mapping | str) and bool(document["error"])
    )


def read_error(reply: Reply) -> ErrorBody:
    """Collect what an answer says about its error; an item `{"error": …}` of a 200 may stand in `reply.json`."""
    layers = list(_layers(reply.json))
    text = " ".join(dict.fromkeys(word for layer in layers for word in _words(layer))) or _page_text(reply.text)
    details = [detail for layer in layers for detail in _mappings(layer.get("details"))]
    codes = [code for layer in layers for code in _codes(layer)] + [code for d in details for code in _detail_codes(d)]
    if _LIMIT_ZERO.search(text):
        codes.append("quota_zero")
    return ErrorBody(
        status=next((status for layer in reversed(layers) if (status := _status(layer))), reply.status),
        codes=tuple(dict.fromkeys(codes)),
        text=text,
        request_id=_request_id(layers, text) or request_id_in(reply.headers),
        retry_delay=next((str(delay) for d in details if (delay := d.get("retryDelay")) is not None), None),
    )


def request_id_in(headers: Mapping[str, str]) -> str | None:
    """Give the provider's own id of the request, by which its support can find it."""
    return headers.get("x-request-id") or headers.get("request-id")


def failure_from(
    reply: Reply,
    *,
    stage: Stage,
    who: str = "The provider",
    elapsed: float | None = None,
    now: float | None = None,
) -> Failure:
    """Judge a complete error answer, or a 200 that `carries_error`.

    Args:
        reply: the answer; for one item among several, its `{"error": …}` in place of the document.
        stage: how far the attempt had come.
        who: begins the sentence, for people.
        elapsed: seconds from sending to the answer.
        now: Unix time, for an HTTP date in an answer that carries no `Date`.
    """
    error, hop = read_error(reply), intermediary(reply)
    kind = FailureKind.PROXY_CUT if hop and hop.cuts else _kind(error)
    hint = read_hint(reply.headers, error, now=now)
    return Failure(
        kind=kind,
        message=_sentence(reply.status, error, hop, who, elapsed),
        advice=hop.advice if hop else ADVICE[kind],
        stage=stage,
        status=error.status,
        code=redact(error.codes[0]) if error.codes else None,
        hint=None if _LASTING.intersection(error.codes) else hint.seconds,
        ignored_hint=hint.ignored,
        answered=True,
        provider_request_id=error.request_id,
    )


ADVICE: Mapping[FailureKind, str] = MappingProxyType(
    {
        FailureKind.OVERLOADED: "Nothing is wrong here: wait, or let another upstream serve.",
        FailureKind.RATE_LIMITED: "Send less at once (`max_in_flight`), or ask the provider for a higher limit.",
        FailureKind.SERVER_ERROR: "Nothing is wrong here: it usually passes within a minute.",
        FailureKind.QUOTA: "Top up the account or raise its limit.",
        FailureKind.AUTH: "Check `api_key`: the provider does not know it.",
        FailureKind.FORBIDDEN: "Let this key use the model: check its group, its organisation and its region.",
        FailureKind.MODEL_GONE: "Check `model` and, where the provider has one, `api`: this route does not serve it.",
        FailureKind.INVALID: "Change the request; it would be refused again as it stands.",
        FailureKind.MODERATED: "Change the prompt or the reference pictures; it would be declined again.",
    }
)
"""What to do about each kind that an answer can have."""

_LASTING = frozenset({"quota_per_day", "quota_zero"})  # beside these Google still wishes to be asked in seconds
_RELAYED = "bad_response_status_code"  # a gateway's word for what its own upstream answered; `param` says what
_OF_A_KEY = frozenset({401, 402, 403})
_SPEAKERS = {"shell_api_error": "The gateway", "upstream_error": "The gateway, for the model behind it,"}


def _kind(error: ErrorBody) -> FailureKind:
    """Classify; an error inside a 200 that names no status is the provider's trouble, not the request's."""
    codes = error.codes
    if error.status not in _OF_A_KEY:  # there the gateway's key was refused, not ours
        codes = tuple(code for code in codes if code != _RELAYED)
    return classify(error.status if error.status >= 400 else 500, codes, error.text)


def _sentence(status: int, error: ErrorBody, hop: Intermediary | None, who: str, elapsed: float | None) -> str:
    after = f" after {spell(elapsed)}" if elapsed is not None else ""
    if hop:
        return f"{hop.name}, on the way to the provider, answered {status}{after}: {hop.meaning}."
    inner = f" (in its body {error.status})" if error.status != status else ""
    words = quote(error.text) or quote(", ".join(error.codes[:1]))
    speaker = next((_SPEAKERS[code] for code in error.codes if code in _SPEAKERS), who)
    return f"{speaker} answered {status}{inner}{after}" + (f": {words.rstrip('.')}." if words else " without a word.")


def _layers(document: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Give every object that may describe the error, from the outermost to the innermost."""
    document = _parsed(document) if isinstance(document, str) else document
    for layer in _mappings(document)[:1]:
        yield layer
        if depth < _DEEPEST:
            for name in ("error", "errors", "detail", "message"):
                yield from _layers(layer.get(name), depth + 1)


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, Mapping)]


def _parsed(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _words(layer: Mapping[str, Any]) -> Iterator[str]:
    for name in _WORDS:
        value = layer.get(name)
        if isinstance(value, str) and value.strip() and not _mappings(_parsed(value)):
            yield value.strip()


def _page_text(page: str) -> str:
    """Give the words of a body that is not JSON: an HTML page's title, else its text."""
    title = _TITLE.search(page)
    return " ".join((title[1] if title else _TAG.sub(" ", page)).split())


def _codes(layer: Mapping[str, Any]) -> Iterator[str]:
    for name in ("code", "reason", "status", "type"):
        value = layer.get(name)
        if isinstance(value, str) and value and not _http_status(value):
            yield value


def _detail_codes(detail: Mapping[str, Any]) -> Iterator[str]:
    """Read Google's details: ErrorInfo's reason, QuotaFailure's period and limit."""
    if isinstance(reason := detail.get("reason"), str):
        yield reason
    for violation in _mappings(detail.get("violations")):
        if "PerDay" in str(violation.get("quotaId")):
            yield "quota_per_day"
        if str(violation.get("quotaValue")) == "0":
            yield "quota_zero"


def _status(layer: Mapping[str, Any]) -> int | None:
    """Read the status a layer names; `param` holds the upstream's beside `_RELAYED`."""
    names = ["code", "status_code", "status"]
    if layer.get("code") == _RELAYED:
        names.append("param")
    return next((status for name in names if (status := _http_status(layer.get(name)))), None)


def _http_status(value: Any) -> int | None:
    text = str(value) if isinstance(value, int | str) else ""
    return int(text) if re.fullmatch("[45][0-9][0-9]", text) else None


def _request_id(layers: list[Mapping[str, Any]], text: str) -> str | None:
    named = next((i for layer in layers if isinstance(i := layer.get("request_id"), str) and i), None)
    found = _REQUEST_ID.search(text)
    return named or (found[1].rstrip(".") if found else None)
