"""A provider before a broken upstream: cut, half, not an image, a page, nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest
from attrs import frozen

from pixroute.http.provider import HttpProvider
from pixroute.outcome import FailureKind
from pixroute.testing.conformance.stand import EndedRequest, ask, healthy, picture_for
from pixroute.testing.conformance.upstream import BODY, Upstream
from pixroute.testing.conformance.words import check, smallest
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import Step

_PAGE = b"<html><title>Welcome</title><body>Please log in.</body></html>"
_NGINX = b"<html><head><title>502 Bad Gateway</title></head><body><hr><center>nginx</center></body></html>"
_UNSIZED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"


@frozen
class Spoiled:
    """What is wrong with the first answer, given its bytes, and what that counts as."""

    step: Callable[[bytes], Step]
    kind: FailureKind


@frozen
class Ruined:
    """What is wrong with the picture of a healthy answer, given a good one, and what that counts as."""

    picture: Callable[[bytes], bytes]
    kind: FailureKind


ANSWERS: Mapping[str, Spoiled] = {
    "reset": Spoiled(lambda _: Step.rst(), FailureKind.DISCONNECTED),
    "closed": Spoiled(lambda _: Step.fin(), FailureKind.DISCONNECTED),
    "cut": Spoiled(
        lambda body: Step.reply(200, body[: len(body) // 2], {"Content-Length": str(len(body))}) + Step.fin(),
        FailureKind.DISCONNECTED,
    ),
    "half of it": Spoiled(
        lambda body: Step.raw(_UNSIZED + body[: len(body) // 2]) + Step.fin(), FailureKind.DISCONNECTED
    ),
    "not HTTP": Spoiled(lambda _: Step.raw(b"?\r\n\r\n") + Step.fin(), FailureKind.PROTOCOL),
    "a proxy's page": Spoiled(lambda _: Step.reply(502, _NGINX, {"Content-Type": "text/html"}), FailureKind.PROXY_CUT),
    "a page": Spoiled(lambda _: Step.reply(200, _PAGE, {"Content-Type": "text/html"}), FailureKind.PROTOCOL),
    "an empty object": Spoiled(lambda _: Step.json({}), FailureKind.EMPTY),
    "nothing": Spoiled(lambda _: Step.reply(200), FailureKind.EMPTY),
}
PICTURES: Mapping[str, Ruined] = {
    "not an image": Ruined(lambda picture: b"no picture at all".ljust(len(picture), b"."), FailureKind.BAD_IMAGE),
    "half an image": Ruined(lambda picture: picture[: len(picture) // 2], FailureKind.BAD_IMAGE),
    "too small": Ruined(lambda _: blank_png(64, 64), FailureKind.UNDERSIZED),
}


class FaultChecks:
    """Checks that every fault is told as what it is, after one call."""

    upstream: ClassVar[Upstream | None]

    @pytest.mark.parametrize("fault", ANSWERS)
    def test_a_spoiled_answer_is_told(self, http_provider: HttpProvider[Any], fault: str) -> None:
        """The first answer breaks off, or is something else."""
        known = self.upstream or Upstream(healthy={"picture": "somewhere"})
        first = (*known.before, known.healthy)[0]
        body = blank_png(1024, 1024) if first == BODY else json.dumps(first).encode()
        request = smallest(http_provider.capabilities())

        # Half a picture under no length is all that there is to see.
        kind = FailureKind.BAD_IMAGE if first == BODY and fault == "half of it" else ANSWERS[fault].kind
        _check(ask(http_provider, request, ANSWERS[fault].step(body)), fault, kind)

    @pytest.mark.parametrize("fault", PICTURES)
    def test_a_ruined_picture_is_told(self, http_provider: HttpProvider[Any], known: Upstream, fault: str) -> None:
        """The answer is as it should be, but the picture in it is not."""
        request = smallest(http_provider.capabilities())
        picture = PICTURES[fault].picture(picture_for(request))

        ended = ask(http_provider, request, *healthy(known, request, picture))

        _check(ended, fault, PICTURES[fault].kind)


def _check(ended: EndedRequest, fault: str, expected: FailureKind) -> None:
    __tracebackhide__ = True
    failure = ended.failure
    check(
        failure and failure.kind is expected,
        f"{fault.capitalize()} instead of an answer counts as {failure and failure.kind}, not {expected}: {failure}",
        "The kind decides whether it counts as paid, who is asked next, and what the operator is told to repair. Leave "
        "to the library in `classify` (by None) and in `decode` (by raising) what you do not know.",
    )
    check(
        ended.posts == 1, f"{ended.posts} calls were sent.", "Each may be billed; the router alone decides on another."
    )
