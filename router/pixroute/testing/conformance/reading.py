"""What an HTTP provider reads: `decode`, `classify`, `details`, and of a job `accepted` and `progress`."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar

from pixroute.http.call import Reply
from pixroute.http.jobs import JobProvider
from pixroute.http.provider import UNREADABLE, HttpProvider
from pixroute.testing.conformance.documents import for_every_answer
from pixroute.testing.conformance.upstream import MESSAGE, ORIGIN, PICTURE, PICTURE_URL, Upstream, filled
from pixroute.testing.conformance.words import check, fail

_FILLED = {
    ORIGIN: "https://upstream.test",
    PICTURE: "aGVsbG8=",
    PICTURE_URL: "https://upstream.test/1.png",
    MESSAGE: "no",
}
_MAY_RAISE = ", ".join(kind.__name__ for kind in UNREADABLE)


class ReadingChecks:
    """Checks of what reads answers, on answers of any shape."""

    upstream: ClassVar[Upstream | None]

    def test_decode_survives_any_answer(self, http_provider: HttpProvider[Any]) -> None:
        """It changes nothing, and raises only what counts as "no picture"."""
        self._try(lambda reply: list(http_provider.decode(reply)), "decode", statuses=(200,))

    def test_classify_survives_any_answer(self, http_provider: HttpProvider[Any]) -> None:
        """It is asked about every answer of every status."""
        self._try(http_provider.classify, "classify", statuses=(200, 400, 403, 429, 503))

    def test_details_survive_any_answer(self, http_provider: HttpProvider[Any]) -> None:
        """They are read beside a picture that was paid for."""
        self._try(http_provider.details, "details", statuses=(200,))

    def test_jobs_survive_any_answer(self, http_provider: HttpProvider[Any]) -> None:
        """So do `accepted` and `progress`, where there are any."""
        if isinstance(http_provider, JobProvider):
            self._try(http_provider.accepted, "accepted", statuses=(200,))
            self._try(http_provider.progress, "progress", statuses=(200,))

    def _try(self, read: Callable[[Reply], Any], name: str, statuses: tuple[int, ...]) -> None:
        __tracebackhide__ = True
        known = self.upstream or Upstream(healthy={})

        def examine(document: Any) -> None:
            for status in statuses:
                _examine(read, name, Reply(status=status, headers={}, json=deepcopy(document)), document)

        refusals = (known.refusal, *(refusal.body for refusal in known.refusals.values()))
        for body in (*known.before, known.healthy, known.error, *refusals):
            for_every_answer(filled(body, _FILLED), examine)
        examine(None)


def _examine(read: Callable[[Reply], Any], name: str, reply: Reply, document: Any) -> None:
    __tracebackhide__ = True
    first, again = _read(read, name, reply), _read(read, name, reply)
    check(
        first == again and reply.json == document,
        f"{name} gives {first!r}, then {again!r}, for the same answer {document!r}.",
        "It must be pure: what one reading takes out of the answer, the next one misses.",
    )


def _read(read: Callable[[Reply], Any], name: str, reply: Reply) -> Any:
    __tracebackhide__ = True
    try:
        return read(reply)
    except UNREADABLE as error:
        return type(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        fail(
            f"{name} raised {type(error).__name__}: {error} for the answer {reply.status} {reply.json!r}.",
            f"Only {_MAY_RAISE} count as an answer that cannot be read; anything else is told as a bug of the plugin, "
            "and the picture is assumed to be billed.",
        )
