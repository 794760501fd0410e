"""Where the words of others come in: what an attempt notes, shows and keeps of them loses the secrets it was sent with.

Inside an attempt the answer is used as it was given: a result URL that carries the key is fetched as it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from attrs import evolve

from pixroute.http.call import Reply
from pixroute.http.endpoint import Endpoint
from pixroute.http.judging.asked import RequestWords
from pixroute.outcome import Delivered, Failure, Stage, Success
from pixroute.provider import AttemptContext
from pixroute.sanitizer import Sanitizer

T = TypeVar("T", bound=Success | Failure | Delivered)

_OF_A_FAILURE = ("code", "ignored_hint", "provider_request_id", "url", "advice", "task", "status")
_OF_A_PICTURE = ("declared_type", "revised_prompt", "url")


class HttpAttempt:
    """An attempt as its provider's code sees it, with the place it is sent to and the key it is sent with.

    `stage` is the last one reached, `asked` what the request itself said.
    """

    __slots__ = ("_attempt", "asked", "endpoint", "http", "into", "measured", "request_id", "sanitizer", "stage")

    def __init__(self, attempt: AttemptContext, endpoint: Endpoint) -> None:
        self._attempt = attempt
        self.request_id, self.http, self.into = attempt.request_id, attempt.http, attempt.into
        self.measured = attempt.note  # without looking for secrets: numbers and addresses that the wire found out
        self.endpoint = endpoint
        self.sanitizer = endpoint.sanitizer
        self.stage = Stage.QUEUED
        self.asked: Callable[[], RequestWords] = RequestWords

    @property
    def context(self) -> AttemptContext:
        """This, as others know it: what is not here is the attempt's own."""
        return self  # what it has not comes by `__getattr__`

    @property
    def traceparent(self) -> str | None:
        """The W3C header of the attempt's span, where it may be sent."""
        return getattr(self._attempt, "traceparent", None) if self.endpoint.sends_traceparent else None

    def reached(self, stage: Stage) -> None:
        """Note the stage."""
        self.stage = stage
        self._attempt.reached(stage)

    def note(self, **facts: Any) -> None:
        """Add facts to the record, without the secrets and as JSON's types: what is none of them as its text."""
        self._attempt.note(**self.sanitizer.facts(facts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._attempt, name)


def shown(reply: Reply, sanitizer: Sanitizer) -> Reply:
    """Give an answer as it may be quoted; the same one if no secret stands in it."""
    told = (dict(reply.headers), reply.json, reply.text)
    headers, document, text = sanitizer.clean(told)
    return reply if headers is told[0] else evolve(reply, headers=headers, json=document, text=text)


def without_secrets(outcome: T, sanitizer: Sanitizer) -> T:
    """Take the secrets out of everything that an outcome keeps, and out of sentences also what looks like one."""
    if isinstance(outcome, Failure):
        cleaned = _cleaned(outcome, sanitizer, _OF_A_FAILURE)
        return cast("T", evolve(cast("Failure", cleaned), message=sanitizer.redact(outcome.message)))
    if isinstance(outcome, Delivered):
        return _cleaned(outcome, sanitizer, _OF_A_PICTURE)
    return _success(outcome, sanitizer)  # type: ignore[return-value]  # the third of three


def _success(success: Success, sanitizer: Sanitizer) -> Success:
    """Look once at all that a success tells: almost always nothing is found, and every request pays for the look."""
    told = [success.model, success.usage, success.provider_request_id]
    for one in success.pictures:
        told += one.declared_type, one.revised_prompt, one.url
    if any(told) and sanitizer.clean(told) is not told:
        success = _cleaned(success, sanitizer, ("model", "usage", "provider_request_id"))
        success = evolve(success, pictures=tuple(without_secrets(one, sanitizer) for one in success.pictures))
    if success.failures:
        success = evolve(success, failures=tuple(without_secrets(one, sanitizer) for one in success.failures))
    return success


def _cleaned(value: T, sanitizer: Sanitizer, names: tuple[str, ...]) -> T:
    told = {name: getattr(value, name) for name in names}
    cleaned = sanitizer.clean(told)
    return value if cleaned is told else evolve(cast("Any", value), **cleaned)
