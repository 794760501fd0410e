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


@frozen(kw_only=True)
class Upstream:
    """JSON bodies, in which `PICTURE`, `PICTURE_URL`, `ORIGIN` and `MESSAGE` stand for what differs.

    Args:
        healthy: the answer that holds one picture.
        before: answers that come before it, in order: for a job, those to its submission and to each poll.
        error: an answer of any status from 400 on.
        refusal: the answer to a prompt that is declined, in place of the healthy one; None: it is not tested.
        refusal_status: the HTTP status that a refusal comes with.
        lost: the answer to a poll for a job that the upstream does not know, or not yet.
        lost_status: the HTTP status that it comes with.
        job_origins: other origins on which its jobs may live, as documented: "https://api.eu.example.com", say.
    """

    healthy: Any
    before: tuple[Any, ...] = ()
    error: Any = field(factory=lambda: {"error": {"message": MESSAGE}})
    refusal: Any = None
    refusal_status: int = 400
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
