"""How an upstream answers, as its author writes it down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from pixroute.secret import Secret

KEY = Secret("correct-horse-battery-staple")
"""The key that every HTTP provider has while it is tested."""

PICTURE = "<picture>"
"""Stands in a body where the picture's base64 stands."""
PICTURE_URL = "<picture-url>"
"""Stands where the picture's URL stands."""
ORIGIN = "<origin>"
"""Stands for `scheme://host:port` of the upstream, in URLs of its own."""
MESSAGE = "<message>"
"""Stands where an error says in words what is wrong."""
BODY = "<body>"
"""In place of a body: it is the picture itself, as bytes."""


@frozen(kw_only=True)
class Refusal:
    """One way in which a prompt is declined: by an error, a flag, a job's status, or a picture that is missing.

    Args:
        body: the answer, with its `PICTURE` where one comes beside a flag.
        status: its HTTP status.
        headers: what stands beside it, where the flag does.
        before: the answers before it, in place of the upstream's own; None: those.
        billed: whether it costs its price; None: nobody says, so it must count as perhaps billed.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)
    before: tuple[Any, ...] | None = None
    billed: bool | None = None


@frozen(kw_only=True)
class Upstream:
    """JSON bodies, in which `PICTURE`, `PICTURE_URL`, `ORIGIN` and `MESSAGE` stand for what differs.

    Args:
        healthy: the answer that holds one picture, or `BODY`.
        before: answers that come before it, in order: for a job, those to its submission and to each poll.
        error: an answer of any status from 400 on.
        refusal: the answer to a prompt that is declined, in place of the healthy one; None: it is not tested.
        refusal_status: the HTTP status that a refusal comes with.
        refusals: all the other ways in which a prompt is declined, by name.
        lost: the answer to a poll for a job that the upstream does not know, or not yet.
        lost_status: the HTTP status that it comes with.
        expired: the answer, of status 401, to a key or token whose time is over; None: `error`, saying so.
        job_origins: other origins on which its jobs may live, as documented: "https://api.eu.example.com", say.
    """

    healthy: Any
    before: tuple[Any, ...] = ()
    error: Any = field(factory=lambda: {"error": {"message": MESSAGE}})
    refusal: Any = None
    refusal_status: int = 400
    refusals: Mapping[str, Refusal] = field(factory=dict)
    expired: Any = None
    lost: Any = field(factory=lambda: {"detail": "Not found"})
    lost_status: int = 404
    job_origins: tuple[str, ...] = ()


def filled(body: Any, values: Mapping[str, str]) -> Any:
    """Put values in place of what stands for them."""
    if isinstance(body, Mapping):
        return {name: filled(value, values) for name, value in body.items()}
    if isinstance(body, list | tuple):
        return [filled(value, values) for value in body]
    for placeholder, value in values.items() if isinstance(body, str) else ():
        body = body.replace(placeholder, value)
    return body
