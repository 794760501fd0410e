"""The one order of evidence: what kind an error answer is, whose fault, and what that rests on (semantics §2).

1. who speaks: a page of somebody in between judged nothing but its own (`intermediary`);
2. fine machine words (`codes.CODES`);
3. `param`: what the request got wrong;
4. 401 and 402, which say themselves what they are;
5. words (`words.WORDS`), within what the status class lets bare words say;
6. coarse machine words (`codes.COARSE`);
7. the bare status (`STATUSES`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from pixroute.http.judging.asked import RequestWords
from pixroute.http.judging.codes import coarse, fine, squeeze
from pixroute.http.judging.phrases import DECLINES, REASON, REPLIED, ROUTE
from pixroute.http.judging.words import spoken
from pixroute.outcome import Blame, Evidence, FailureKind

if TYPE_CHECKING:
    from pixroute.http.judging.envelope import ErrorBody  # which is judged here

_K = FailureKind

STATUSES: Mapping[int, FailureKind] = MappingProxyType(
    {
        401: _K.AUTH,
        402: _K.QUOTA,
        403: _K.FORBIDDEN,
        404: _K.MODEL_GONE,
        405: _K.MODEL_GONE,
        407: _K.FORBIDDEN,
        408: _K.SERVER_ERROR,
        409: _K.SERVER_ERROR,
        410: _K.MODEL_GONE,
        421: _K.SERVER_ERROR,
        424: _K.SERVER_ERROR,
        425: _K.SERVER_ERROR,
        429: _K.RATE_LIMITED,
        451: _K.FORBIDDEN,
        499: _K.SERVER_ERROR,
        501: _K.MODEL_GONE,
        503: _K.OVERLOADED,
        529: _K.OVERLOADED,
    }
)
"""What a status says where nothing else does; any other is `server_error` from 500 on, else `invalid`."""

UNDER_5XX = frozenset({_K.QUOTA, _K.AUTH, _K.FORBIDDEN, _K.RATE_LIMITED, _K.OVERLOADED, _K.SERVER_ERROR})
"""What bare words may say under 5xx: there a refusal or a request's fault needs a machine word or a named reason."""
UNDER_429 = frozenset({_K.QUOTA, _K.MODERATED, _K.OVERLOADED, _K.RATE_LIMITED, _K.FORBIDDEN})
"""What bare words may say under 429."""
ABOUT_A_PARAM = frozenset({_K.MODERATED, _K.SERVER_ERROR})
"""What bare words may say where a machine word or `param` calls the request wrong."""
UNMISTAKABLE = frozenset({_K.AUTH, _K.QUOTA})
"""And these, where no parameter is named: gateways call whatever their upstream refused invalid."""
_OPENED_BY_STATUS = frozenset({401, 402})
_OF_A_KEY = frozenset({401, 402, 403})
_HEARD = 1200  # characters; who has not said by then what is wrong does not say it
_NAMES = re.compile(r"\b(?!HARM_)[A-Z]{2,40}(?:_[A-Z]{2,40}){1,6}\b|\b(?:[A-Z][a-z]{1,30}){2,6}(?:Error|Exception)\b")
"""Names of errors in the midst of a sentence."""
_NAMED_NOT_FOUND = re.compile(
    r"['\"`][^'\"`\n]{1,80}['\"`][^.\n]{0,20}not found|not found for (account|user|project)", re.IGNORECASE
)
"""Who can say what exactly it has not knows the API: that is no missing path."""
_WHOLE_TASK = re.compile(r"(your|the|this) (task|job|request|generation) (has )?failed\.?", re.IGNORECASE)
"""Says nothing beside a machine word that tells why: Azure's `contentFilter`."""
_NOT_FOUND_OR = re.compile(r"not found or\b", re.IGNORECASE)
"""Under 404: Vertex's "was not found or your project does not have access to it"."""
_OF_A_PATH = frozenset({404, 501})
_RELAYED = "badresponsestatuscode"
_OF_THE_MODEL = frozenset({"model", "model_name", "model_id", "modelid", "deployment"})
_OF_CONTENT = re.compile(r"prompt|image|input|content|text|messages|contents")
_KEYS_FAULT = frozenset({_K.AUTH, _K.QUOTA, _K.FORBIDDEN, _K.MODEL_GONE})


@frozen(kw_only=True)
class Finding:
    """A kind, whose fault it is, and what that rests on."""

    kind: FailureKind
    blame: Blame | None = None
    evidence: Evidence = Evidence.WORDS


def judge(error: ErrorBody, asked: RequestWords) -> Finding:
    """Judge an answer of which nobody in between is known to be the writer."""
    heard = evolve(error, text=asked.without(error.text)[:_HEARD])
    found = _judge(heard)
    if error.relayed and found.kind in _KEYS_FAULT - {_K.MODEL_GONE} and found.blame is None:
        found = evolve(found, blame=Blame.PROVIDER)
    if _is_own(error, asked, found):
        found = evolve(found, evidence=Evidence.REQUEST)
    return found


def by_status(status: int) -> FailureKind:
    """Give what the bare status says."""
    return STATUSES.get(status, _K.SERVER_ERROR if status >= 500 or status < 400 else _K.INVALID)


def _is_own(error: ErrorBody, asked: RequestWords, found: Finding) -> bool:
    """Tell whether the failure may be about what this request alone had."""
    if asked.mentioned(error.text, error.param):
        return True
    if found.kind is _K.MODEL_GONE and any(_is_model(field) for field in asked.fields):
        return True
    if error.status >= 500 or error.status < 400:
        return False
    names_param = error.param is not None and not _is_model(error.param)
    by_words = found.evidence is Evidence.WORDS or (fine(error.codes) is None and found.kind in _KEYS_FAULT)
    if error.status in (*_OPENED_BY_STATUS, 429):
        return False
    return names_param or (by_words and asked.own)


def _judge(error: ErrorBody) -> Finding:
    said, about_model = fine(error.codes), error.param is not None and _is_model(error.param)
    relayed_key = error.status in _OF_A_KEY and any(squeeze(code) == _RELAYED for code in error.codes)
    if relayed_key:  # the gateway's key was refused by its own upstream, not ours
        return Finding(kind=_K.SERVER_ERROR, blame=Blame.PROVIDER)
    if said is _K.MODEL_GONE and error.param is not None and not about_model:
        said = _K.INVALID
    if said is _K.INVALID:
        return _complaint(error)
    words = _gone_rather(error) or _words(error)
    if said is _K.MODERATED and words and words.kind is _K.SERVER_ERROR and not _WHOLE_TASK.fullmatch(error.text):
        return words  # who could not look at a picture did not judge it
    if said is _K.MODEL_GONE and error.status == 403 and words and words.kind is _K.FORBIDDEN:
        said = _K.FORBIDDEN
    if said is not None:
        absent = said is _K.MODEL_GONE and error.status >= 500  # a gateway that has nobody behind it
        return Finding(kind=said, evidence=Evidence.MACHINE, blame=Blame.PROVIDER if absent else None)
    if error.status in _OPENED_BY_STATUS:
        kind = by_status(error.status)
        if kind is _K.AUTH and words and words.kind is _K.QUOTA:
            kind = _K.QUOTA
        return Finding(kind=kind, evidence=Evidence.MACHINE)
    if error.param is not None and not about_model and error.status != 429 and 400 <= error.status < 500:
        return _complaint(error)
    return words or _class(error)


def _gone_rather(error: ErrorBody) -> Finding | None:
    """Read "was not found or your project does not have access to it" under 404 as what the status says."""
    return Finding(kind=_K.MODEL_GONE) if error.status == 404 and _NOT_FOUND_OR.search(error.text) else None


def _complaint(error: ErrorBody) -> Finding:
    """Judge a complaint about the request; of the model only if `param` says so."""
    words, about_model = _words(error), error.param is not None and _is_model(error.param)
    if words and about_model and words.kind in {_K.FORBIDDEN, _K.MODERATED, _K.QUOTA}:
        return words
    if words and (words.kind in ABOUT_A_PARAM or (error.param is None and words.kind in UNMISTAKABLE)):
        return words
    if about_model:
        return Finding(kind=_K.MODEL_GONE, evidence=Evidence.MACHINE)
    return Finding(kind=_K.INVALID, evidence=Evidence.MACHINE)


def _words(error: ErrorBody) -> Finding | None:
    """Read bare words within what the status class allows."""
    status, text = error.status, error.text
    replied = REPLIED.search(text)
    if REASON.search(text) or (replied and DECLINES.search(replied[1].lower())):
        return Finding(kind=_K.MODERATED, evidence=Evidence.MACHINE)
    if status in _OF_A_PATH and ROUTE.search(text.lower()):
        return Finding(kind=_K.MODEL_GONE, blame=Blame.HOP)
    allowed = UNDER_5XX if status >= 500 else UNDER_429 if status == 429 else None
    named = coarse(error.codes)
    for row in spoken(text):
        if (allowed is None or row.kind in allowed) and not (row.unless_soon and error.soon):
            if status == 403 and row.kind is _K.RATE_LIMITED and "quota" in text.lower():
                return Finding(kind=_K.QUOTA)  # no speed is forbidden
            sure = row.kind is named or row.kind is STATUSES.get(status)
            certain = row.kind is named and row.blame is not Blame.HOP
            evidence = Evidence.MACHINE if certain or (sure and status in _OPENED_BY_STATUS) else Evidence.WORDS
            return Finding(kind=row.kind, blame=row.blame, evidence=evidence)
    named = fine(tuple(_NAMES.findall(text)))
    return Finding(kind=named) if named and (allowed is None or named in allowed) else None


def _class(error: ErrorBody) -> Finding:
    """Judge by the coarse words and the bare status: a coarse word of another class than the status is not heard."""
    status, named = error.status, coarse(error.codes)
    kind = by_status(status)
    if status in _OF_A_PATH and named is not _K.MODEL_GONE and not _NAMED_NOT_FOUND.search(error.text):
        return Finding(kind=kind, blame=Blame.HOP)
    if named is _K.SERVER_ERROR and error.relayed and 400 <= status < 500:
        named = None  # a gateway's word for whatever its upstream said
    fits = named is not None and (status < 400 or (named in UNDER_5XX if status >= 500 else True))
    if named is not None and fits and (status in (400, 422, 500) or status < 400 or named is kind):
        return Finding(kind=named, evidence=Evidence.MACHINE)
    return Finding(kind=kind)


def _is_model(param: str) -> bool:
    return param.lower().rpartition(".")[2] in _OF_THE_MODEL
