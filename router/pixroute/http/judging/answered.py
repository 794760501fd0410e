"""Failures of answers that came whole: what all of them say alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixroute.http.call import Reply
from pixroute.outcome import Failure, FailureKind, Stage
from pixroute.redact import quote

_LONGEST = 120  # characters of an id
_ID_HEADERS = ("x-request-id", "request-id", "x-fal-request-id", "x-generation-id", "apim-request-id")


def answered(
    reply: Reply, kind: FailureKind, message: str, advice: str, *, stage: Stage = Stage.BODY, **more: Any
) -> Failure:
    """Make a failure of an answer that was read to its end; `more` are further fields of it."""
    return Failure(
        kind=kind,
        message=message,
        advice=advice,
        stage=stage,
        status=reply.status,
        answered=True,
        provider_request_id=request_id_in(reply.headers),
        **more,
    )


def request_id_in(headers: Mapping[str, str]) -> str | None:
    """Give the provider's own id of the request, by which its support can find it."""
    for name in _ID_HEADERS:
        if named := headers.get(name):
            return quote(named, limit=_LONGEST)
    return None
