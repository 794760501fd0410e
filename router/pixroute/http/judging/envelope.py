"""What an error answer says, in any shape of providers and gateways (upstreams §1.5, §2.6, §3.3, §4.5).

`read_error` collects, `failure_from` judges. Both take any JSON whatsoever: what cannot be read is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any

from attrs import evolve, frozen

from pixroute.http.call import Reply
from pixroute.http.judging.answered import request_id_in
from pixroute.http.judging.asked import NOTHING, RequestWords
from pixroute.http.judging.evidence import Finding, judge
from pixroute.http.judging.fields import (
    ONE_LINE,
    brief,
    codes_in,
    detail_codes,
    http_status,
    notes_in,
    param_in,
    status_in,
    wait_in,
    words_in,
)
from pixroute.http.judging.hints import read_hint
from pixroute.http.judging.intermediary import Intermediary, hop_kind, intermediary
from pixroute.http.judging.layers import layers, mappings, parsed
from pixroute.http.judging.observation import spell
from pixroute.http.judging.phrases import REASON
from pixroute.outcome import Billing, Blame, Evidence, Failure, FailureKind, Stage, blame_of, reaction_of
from pixroute.redact import quote

_MOST = 64  # layers that are read; what is longer repeats itself
_REQUEST_ID = re.compile(r"request[ _-]?id\s*[:：]\s*([\w.-]+)", re.IGNORECASE | re.ASCII)
_LIMIT_ZERO = re.compile(r"\blimit: 0(?![\d.]*\d)")
_TAG = re.compile(r"<[^<>]*>")
_TITLE = re.compile(r"<title>([^<]*)", re.IGNORECASE)
_HEADER_CODES = ("x-amzn-errortype", "x-fal-error-type", "x-ms-error-code")
_SAID_ELSEWHERE = re.compile(r"\bHTTP (?:error )?\d{3}\b|\blast status\b|\bstatus[ _]?code:? \d{3}\b", re.IGNORECASE)


@frozen(kw_only=True)
class ErrorBody:
    """What an error answer says.

    `status` is the body's own where it names one, for gateways change the wire's. `codes` are every code, type,
    status name and reason, plus `quota_per_day` and `quota_zero`, which Google says in other ways. `text` is all that
    was said in words, `notes` what explains it beside them. `retry_delay` is RetryInfo's, `retry_after` the body's,
    unread. `param`: what the request got wrong. `relayed`: a gateway tells what its own upstream said.
    `soon`: it says when to come back.
    """

    status: int
    codes: tuple[str, ...] = ()
    text: str = ""
    request_id: str | None = None
    retry_delay: str | None = None
    param: str | None = None
    retry_after: str | None = None
    relayed: bool = False
    soon: bool = False
    notes: str = ""


def says_error(document: Any) -> bool:
    """Tell whether a 2xx document in which no picture was found says what went wrong, in any envelope."""
    if carries_error(document):
        return True
    return any(map(_fails, islice(layers(document), _MOST)))


_GOOD = frozenset({"", "0", "200", "201", "202", "ok", "success", "succeeded", "completed", "none", "null", "true"})
_BAD = frozenset({"error", "failed", "fail", "failure", "rejected", "blocked", "false"})


_NUMBERED = ("code", "error_code", "status_code", "errcode", "errno", "ret", "retcode", "result_code")


def _fails(layer: Mapping[str, Any]) -> bool:
    code = next((layer[name] for name in _NUMBERED if name in layer), None)
    inner = layer.get("base_resp")
    said = [layer.get(name) for name in ("message", "msg", "detail", "error_message", "errmsg", "title")]
    return (
        bool(layer.get("error") or layer.get("errors") or layer.get("detail"))
        or layer.get("success") is False
        or (isinstance(status := layer.get("status"), str) and status.lower() in _BAD)
        or http_status(layer.get("status")) is not None
        or (isinstance(code, int | str) and brief(code).lower() not in _GOOD)
        or (isinstance(inner, Mapping) and inner.get("status_code", 0) not in (0, "0"))
        or (code is None and any(isinstance(one, str) and one.strip().lower() not in _GOOD for one in said))
    )


def withholds(document: Any) -> bool:
    """Tell whether a document in which no picture was found names the reason of a refusal, as Google's do."""
    return any(map(_names_refusal, islice(layers(document), _MOST)))


def _names_refusal(layer: Mapping[str, Any]) -> bool:
    reasons = (layer.get(name) for name in ("finishreason", "finish_reason"))
    return any(layer.get(name) for name in ("raifilteredreason", "blockreason", "reject_reason", "refusal")) or any(
        isinstance(reason, str) and REASON.fullmatch(reason) for reason in reasons
    )


def carries_error(document: Any) -> bool:
    """Tell whether the document of a 2xx answer is an error after all."""
    document = document[0] if isinstance(document, list) and document else document
    return isinstance(document, dict) and isinstance(document.get("error"), dict | str) and bool(document["error"])


def read_error(reply: Reply) -> ErrorBody:
    """Collect what an answer says about its error; an item `{"error": …}` of a 200 may stand in `reply.json`."""
    document = reply.json if reply.json is not None else _within(reply.text)
    told = list(islice(layers(document), _MOST))
    text = " ".join(dict.fromkeys(word for layer in told for word in words_in(layer)))[:_LONGEST_TEXT]
    text = text or ("" if document is not None else page_text(reply.text))
    details = [detail for layer in told for detail in mappings(layer.get("details"))]
    codes = [code for layer in told for code in codes_in(layer)] + [code for d in details for code in detail_codes(d)]
    codes += [reply.headers[name].partition(":")[0] for name in _HEADER_CODES if reply.headers.get(name)]
    if _LIMIT_ZERO.search(text):
        codes.append("quota_zero")
    after = next((v for layer in told if (v := wait_in(layer)) is not None), None)
    return ErrorBody(
        status=next((status for layer in reversed(told) if (status := status_in(layer))), reply.status),
        codes=tuple(dict.fromkeys(codes)),
        text=text,
        request_id=_request_id(told, text) or request_id_in(reply.headers),
        retry_delay=next((brief(delay) for d in details if (delay := d.get("retryDelay")) is not None), None),
        param=next((param for layer in (*told, *details) if (param := param_in(layer))), None),
        retry_after=after,
        relayed="upstream_error" in codes
        or any("provider_name" in one for one in told)
        or bool(_SAID_ELSEWHERE.search(text)),
        notes="; ".join(dict.fromkeys(note for layer in told for note in notes_in(layer))),
    )


def shortened(reply: Reply) -> Reply:
    """Give an answer with the beginning and the end of a text that nobody reads as a whole."""
    if len(reply.text) <= _LONGEST_TEXT:
        return reply
    return evolve(reply, text=f"{reply.text[: _LONGEST_TEXT - _TAIL]} {reply.text[-_TAIL:]}")


_SOON = 3600.0  # seconds; who says to come back later than that speaks of a quota
_LONGEST_TEXT = 8192  # characters
_TAIL = 1024


def failure_from(
    reply: Reply,
    *,
    stage: Stage,
    who: str = "The provider",
    elapsed: float | None = None,
    now: float | None = None,
    asked: RequestWords = NOTHING,
) -> Failure:
    """Judge a complete error answer, or a 200 that `carries_error`.

    Args:
        reply: the answer; for one item among several, its `{"error": …}` in place of the document.
        stage: how far the attempt had come.
        who: begins the sentence, for people.
        elapsed: seconds from sending to the answer.
        now: Unix time, for an HTTP date in an answer that carries no `Date`.
        asked: what the request itself said, which is not taken for the upstream's words.
    """
    reply = shortened(reply)
    error, hop = read_error(reply), intermediary(reply)
    said = error if reply.json is not None else evolve(error, text=_TAG.sub(" ", reply.text))
    said = evolve(said if error.text else error, text=asked.without(said.text if error.text else ""))
    hint = read_hint(reply.headers, said, now=now)
    soon = hint.seconds is not None and hint.seconds < _SOON
    found = _by_hop(hop, reply, asked) if hop else judge(evolve(error, soon=soon), asked)
    lasts = found.kind is FailureKind.RATE_LIMITED and hint.lasting and not hop
    kind = FailureKind.QUOTA if lasts else found.kind
    blame = found.blame or blame_of(kind)
    return Failure(
        kind=kind,
        message=_sentence(reply.status, error, hop, who, elapsed),
        advice=hop.advice if hop else ROUTE_ADVICE if found.blame is Blame.HOP else ADVICE[kind],
        stage=stage,
        status=error.status,
        code=quote(error.codes[0], limit=ONE_LINE) if error.codes else None,
        hint=None if _LASTING.intersection(error.codes) else hint.seconds,
        ignored_hint=hint.ignored,
        answered=True,
        provider_request_id=error.request_id,
        evidence=found.evidence,
        blame=blame,
        billing=_billed(error, hop) or reaction_of(kind, blame).billing or Billing.FREE,
    )


def _by_hop(hop: Intermediary, reply: Reply, asked: RequestWords) -> Finding:
    """Take a page for what it is: nobody judged the request, but its size may be what was too much."""
    own = asked.own or reply.status in {413, 414, 431}
    kind = FailureKind.PROXY_CUT if hop.cuts else hop_kind(reply.status)
    return Finding(kind=kind, blame=Blame.HOP, evidence=Evidence.REQUEST if own else Evidence.WORDS)


def _billed(error: ErrorBody, hop: Intermediary | None) -> Billing | None:
    """Tell what an error cost where that differs from its kind."""
    if hop:
        return Billing.FREE if hop.free else None
    if any(code.startswith("violation_fee") for code in error.codes):
        return Billing.BILLED
    waited = (error.status >= 500 or error.status == 408) and (
        _BEGUN.intersection(error.codes) or _GAVE_UP.search(error.text.lower())
    )
    return Billing.AMBIGUOUS if waited else None


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
ROUTE_ADVICE = "Check `base_url`: the server there has no such path, and asks another than its own API's."
_GAVE_UP = re.compile(
    r"context deadline exceeded|client.timeout|do request failed|\bpost \"http[^\n]{0,200}: (eof|read|net/http)"
    r"|(upstream|provider|origin|backend)\b.{0,60}(time|timed) ?-?out"
    r"|(time|timed) ?-?out\b.{0,40}(upstream|provider|origin|backend)"
    r"|\b(stream|upstream|provider)\b[^.]{0,20}\b(disconnected|interrupted|ended|did not (return|respond|complete))"
    r"|download\w* [^.]{0,30}(upstream|result)|(upstream|provider)\b.{0,20} returned (no|an? empty|empty)\b"
    r"|connection error|apitimeouterror|failed to (execute|send|make|forward|complete)\b.{0,40}\brequest\b"
    r"|(获取|下载).{0,6}(图片|结果).{0,4}失败|task timed out after|50[24] (bad gateway|gateway time)"
    r"|上游.{0,8}超时|error code: 52[024]|unexpected eof|connection reset|read: connection"
)  # a gateway on its own upstream, which had begun

_BEGUN = frozenset({"do_request_failed", "bad_response_body", "read_response_body_failed"})
_LASTING = frozenset({"quota_per_day", "quota_zero"})  # beside these Google still wishes to be asked in seconds
_SPEAKERS = {"shell_api_error": "The gateway", "upstream_error": "The gateway, for the model behind it,"}


def _sentence(status: int, error: ErrorBody, hop: Intermediary | None, who: str, elapsed: float | None) -> str:
    after = f" after {spell(elapsed)}" if elapsed is not None else ""
    if hop:
        return f"{hop.name}, on the way to the provider, answered {status}{after}: {hop.meaning}."
    inner = f" (in its body {error.status})" if error.status != status else ""
    said = f"{error.text} ({error.notes})" if error.notes else error.text
    words = quote(said, limit=240) or quote(", ".join(error.codes[:1]))
    speaker = next((_SPEAKERS[code] for code in error.codes if code in _SPEAKERS), who)
    return f"{speaker} answered {status}{inner}{after}" + (f": {words.rstrip('.')}." if words else " without a word.")


def _within(text: str) -> Any:
    """Find the document in a body that is not JSON as a whole: SSE lines, or JSON after comments."""
    lines = [line.strip() for line in text.splitlines()]
    data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    plain = "\n".join(line for line in lines if not line.startswith((":", "//", "#", "event:", "id:", "retry:")))
    if "<" in plain[:200]:
        return None
    documents = [found for one in (*data, plain) if one[:1] in ("{", "[") and (found := parsed(one)) is not None]
    return next((one for one in documents if says_error(one)), documents[0] if documents else None)


def page_text(page: str) -> str:
    """Give the words of a body that is not JSON: an HTML page's title, else its text; nothing of binary."""
    if _is_binary(page):
        return ""
    title = _TITLE.search(page)
    return " ".join((title[1] if title else _TAG.sub(" ", page)).split())


def _is_binary(text: str) -> bool:
    odd = sum(not (c.isprintable() or c.isspace()) or c == "\ufffd" for c in text[:400])
    return odd > len(text[:400]) / 50


def _request_id(layers: list[Mapping[str, Any]], text: str) -> str | None:
    named = next((i for layer in layers if isinstance(i := layer.get("request_id"), str) and i), None)
    found = _REQUEST_ID.search(text)
    found_id = named or (found[1].rstrip(".") if found else None)
    return quote(found_id, limit=ONE_LINE) if found_id else None
