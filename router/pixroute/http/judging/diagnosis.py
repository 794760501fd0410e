"""Why no answer came: read from stage, time, bytes and how the connection ended (upstreams §6, diagnosis matrix)."""

from __future__ import annotations

import errno as errors
from collections.abc import Callable, Mapping
from types import MappingProxyType

from pixroute.http.judging import unsent
from pixroute.http.judging.observation import MAYBE_BILLED, UNSENT, WHILE, Diagnosis, Observation, spell
from pixroute.outcome import FailureKind, Stage
from pixroute.redact import quote

__all__ = ["Diagnosis", "Observation", "diagnose", "suspect"]

FEW_BYTES = 64 * 1024
"""A body that freezes below this never got its large packets through: a path that drops them (PMTU)."""


def diagnose(kind: FailureKind, seen: Observation) -> Diagnosis:
    """Explain a failure that came without an answer."""
    found = _ALWAYS.get(kind) or _BY_KIND.get(kind, _other)(seen)
    detail = quote(seen.detail).rstrip(".")
    message = f"{found.message} ({detail})." if detail else f"{found.message}."
    return Diagnosis(message, f"{found.advice}.")


_ROUND_NUMBERS = (
    (30.0, "Google's load balancer, CloudFront or a corporate proxy"),
    (60.0, "nginx, an AWS load balancer or a corporate proxy"),
    (100.0, "Cloudflare"),
    (120.0, "Cloudflare or a corporate proxy"),
    (240.0, "an Azure load balancer or its NAT"),
    (300.0, "a VPN, a firewall or a corporate proxy"),
    (350.0, "an AWS network load balancer or NAT gateway"),
)


def suspect(seconds: float) -> str | None:
    """Name who is known to cut at this round number of seconds, ± 3 %."""
    return next((who for limit, who in _ROUND_NUMBERS if abs(seconds - limit) <= 0.03 * limit), None)


def _disconnected(seen: Observation) -> Diagnosis:
    if not seen.sent:
        return unsent.connect(seen)
    if seen.errno == errors.ETIMEDOUT:
        return Diagnosis(
            f"The connection died silently: after {spell(seen.elapsed)} the other side acknowledged nothing any more",
            f"A NAT, VPN or firewall forgot it: raise its idle time-out, or take another route; {MAYBE_BILLED}",
        )
    if seen.stage is Stage.SEND:
        return _cut_upload(seen)
    return _cut_body(seen) if seen.stage >= Stage.BODY else _cut_silence(seen)


def _cut_upload(seen: Observation) -> Diagnosis:
    message = f"The connection was {_end(seen)} after {spell(seen.elapsed)}, while the request was still being sent"
    if seen.large_upload:
        return Diagnosis(message, "Send smaller reference pictures: a proxy on the way probably limits request bodies")
    return Diagnosis(message, f"Try again: the server, or a proxy before it, was probably restarting; {MAYBE_BILLED}")


def _cut_silence(seen: Observation) -> Diagnosis:
    message = f"The connection was {_end(seen)} after {spell(seen.elapsed)} without a byte of an answer"
    if who := suspect(seen.silence):
        return Diagnosis(
            f"{message}: a round number, so probably by {who} and not by the provider",
            f"Take a route without it, or raise its idle time-out above the attempt's; {MAYBE_BILLED}",
        )
    if seen.elapsed < 1:
        return Diagnosis(
            message,
            "Check that scheme and port of `base_url` belong together"
            if seen.plaintext
            else f"The server was probably restarting, or had closed the idle connection; {MAYBE_BILLED}",
        )
    return Diagnosis(message, f"The provider or a proxy before it broke off; {MAYBE_BILLED}")


def _cut_body(seen: Observation) -> Diagnosis:
    message = f"The connection was {_end(seen)} in the middle of the answer, {_progress(seen)}"
    if who := suspect(seen.silence):
        return Diagnosis(
            f"{message} and {spell(seen.silence)} of silence: probably by {who}",
            "Raise its time-out between two reads, or take a route without it; the picture is billed",
        )
    return Diagnosis(message, "The path broke while downloading: try another route; the picture is probably billed")


def _timeout(seen: Observation) -> Diagnosis:
    if not seen.sent:
        return Diagnosis(
            f"The time ran out after {spell(seen.elapsed)}, {WHILE[seen.stage]}", f"Give it more time; {UNSENT}"
        )
    if seen.out_of_time and seen.stage is not Stage.WAIT:
        return Diagnosis(
            f"The time ran out after {spell(seen.elapsed)}, {WHILE[seen.stage]}",
            f"Give it more time ({_knob(seen)}); {MAYBE_BILLED}",
        )
    if seen.stage is Stage.SEND:
        return Diagnosis(
            f"The request could not be sent: nothing moved for {spell(seen.silence)}",
            "Send smaller reference pictures, or check the path for large packets (MTU)"
            if seen.large_upload
            else f"Check the path for large packets (MTU), or whether the server still reads; {MAYBE_BILLED}",
        )
    return _slow_body(seen) if seen.stage >= Stage.BODY else _no_answer(seen)


def _no_answer(seen: Observation) -> Diagnosis:
    whose = " that the caller's deadline left" if seen.by_deadline else " given"
    message = f"No answer came within the {spell(seen.elapsed)}{whose}"
    usual = seen.expected
    if usual and seen.elapsed < usual.p95:
        return Diagnosis(
            f"{message}, but one in twenty takes more than {spell(usual.p95)}",
            f"Give it at least {spell(1.5 * usual.p99)} ({_knob(seen)}); {MAYBE_BILLED}",
        )
    if usual and seen.elapsed >= usual.p99:
        return Diagnosis(
            f"{message}, though 99 % come within {spell(usual.p99)}",
            f"The provider hangs, more time would not help: leave it to the fallback; {MAYBE_BILLED}",
        )
    return Diagnosis(message, f"Give it more time ({_knob(seen)}), or leave it to the fallback; {MAYBE_BILLED}")


def _slow_body(seen: Observation) -> Diagnosis:
    if seen.received == 0:
        return Diagnosis(
            f"The answer began, but for {spell(seen.silence)} not a byte of it came",
            "A proxy probably holds it back: switch its buffering off, or take another route; the picture is billed",
        )
    if seen.received < FEW_BYTES:
        return Diagnosis(
            f"The answer froze {_progress(seen)}",
            "Large packets are probably dropped on the way: lower the MTU (VPN, tunnel); the picture is billed",
        )
    return Diagnosis(
        f"The answer came too slowly or stopped, {_progress(seen)} and {spell(seen.elapsed)}",
        "Check the bandwidth of the route, or ask for a URL in place of the picture; the picture is billed",
    )


def _protocol(seen: Observation) -> Diagnosis:
    if seen.plaintext and seen.elapsed < 10:
        return Diagnosis(
            "What came back is not HTTP",
            "Check whether this port expects TLS (https://), and whether a proxy on the way interferes",
        )
    return Diagnosis(
        "What came back is not an answer that can be followed",
        f"Check `base_url`, and whether a proxy or login page on the way interferes; {MAYBE_BILLED}",
    )


def _cancelled(seen: Observation) -> Diagnosis:
    message = f"It was given up after {spell(seen.elapsed)}, {WHILE[seen.stage]}"
    if not seen.sent:
        return Diagnosis(message, f"Nothing to change: {UNSENT}")
    if seen.expected and seen.elapsed > seen.expected.p99:
        return Diagnosis(
            f"{message}, though 99 % come within {spell(seen.expected.p99)}", f"The provider hangs; {MAYBE_BILLED}"
        )
    return Diagnosis(message, f"To have less of this, let callers pass `timeout` and wait for it; {MAYBE_BILLED}")


_ALWAYS: Mapping[FailureKind, Diagnosis] = MappingProxyType(
    {
        FailureKind.EMPTY: Diagnosis(
            "The answer holds no picture",
            "Check `model`, and whether the prompt asks for a picture; the answer is billed",
        ),
        FailureKind.BAD_IMAGE: Diagnosis(
            "What was delivered is not a picture that can be used",
            "If it happens again, show the provider this request's id; it is billed",
        ),
        FailureKind.UNDERSIZED: Diagnosis(
            "The picture has fewer pixels than were asked",
            "Check `model` and, where the provider has one, `api`: this route makes smaller pictures; it is billed",
        ),
    }
)


def _other(seen: Observation) -> Diagnosis:
    return Diagnosis(
        f"The attempt failed after {spell(seen.elapsed)}, {WHILE[seen.stage]}",
        "This is unexpected: please report it with the provider's type and version",
    )


_BY_KIND: Mapping[FailureKind, Callable[[Observation], Diagnosis]] = MappingProxyType(
    {
        FailureKind.CONNECT: unsent.connect,
        FailureKind.TLS: unsent.tls,
        FailureKind.DISCONNECTED: _disconnected,
        FailureKind.PROTOCOL: _protocol,
        FailureKind.TIMEOUT: _timeout,
        FailureKind.CANCELLED: _cancelled,
    }
)


def _end(seen: Observation) -> str:
    return "closed" if seen.clean_end else "reset"


def _progress(seen: Observation) -> str:
    of = f" of {seen.announced:,}" if seen.announced is not None else ""
    return f"after {seen.received:,}{of} bytes"


def _knob(seen: Observation) -> str:
    return "the caller's `timeout`" if seen.by_deadline else "`attempt_timeout`"
