"""Why no answer came: read from stage, time, bytes and how the connection ended (upstreams §6, diagnosis matrix)."""

from __future__ import annotations

import errno as errors
from collections.abc import Callable, Mapping
from types import MappingProxyType

from attrs import frozen

from pixroute.outcome import FailureKind, Stage
from pixroute.provider import Quantiles
from pixroute.redact import quote

FEW_BYTES = 64 * 1024
"""A body that freezes below this never got its large packets through: a path that drops them (PMTU)."""


@frozen(kw_only=True)
class Observation:
    """What was seen of an attempt that ended without an answer.

    Args:
        stage: how far it had come.
        elapsed: seconds since the attempt began.
        idle: seconds since a byte last moved, where known.
        received: bytes of the answer's body.
        announced: bytes its headers promised.
        errno: the system's number of the error; negative where a name could not be resolved.
        clean_end: the other side closed (FIN) rather than reset (RST).
        time_out: seconds the attempt was given.
        by_deadline: these were cut short by the caller's deadline.
        expected: how long the provider usually takes.
        plaintext: the connection was not encrypted.
        large_upload: the request was larger than 1 MB.
        detail: the error's own words.
    """

    stage: Stage
    elapsed: float
    idle: float | None = None
    received: int = 0
    announced: int | None = None
    errno: int | None = None
    clean_end: bool = False
    time_out: float | None = None
    by_deadline: bool = False
    expected: Quantiles | None = None
    plaintext: bool = False
    large_upload: bool = False
    detail: str = ""

    @property
    def silence(self) -> float:
        """Seconds without a byte, as far as known."""
        return self.elapsed if self.idle is None else self.idle

    @property
    def out_of_time(self) -> bool:
        """Whether the attempt used up the time it was given."""
        return self.time_out is not None and self.elapsed >= 0.99 * self.time_out

    @property
    def sent(self) -> bool:
        """Whether anything of the request may have left."""
        return self.stage >= Stage.SEND


@frozen
class Diagnosis:
    """What happened, in one sentence, and what to change, in another."""

    message: str
    advice: str


def diagnose(kind: FailureKind, seen: Observation) -> Diagnosis:
    """Explain a failure that came without an answer."""
    found = _ALWAYS.get(kind) or _BY_KIND.get(kind, _other)(seen)
    detail = quote(seen.detail).rstrip(".")
    message = f"{found.message} ({detail})." if detail else f"{found.message}."
    return Diagnosis(message, f"{found.advice}.")


# Each of these gives a sentence and an advice without their full stops.

_ROUND_NUMBERS = (
    (30.0, "Google's load balancer, CloudFront or a corporate proxy"),
    (60.0, "nginx, an AWS load balancer or a corporate proxy"),
    (100.0, "Cloudflare"),
    (120.0, "Cloudflare or a corporate proxy"),
    (240.0, "an Azure load balancer or its NAT"),
    (300.0, "a VPN, a firewall or a corporate proxy"),
    (350.0, "an AWS network load balancer or NAT gateway"),
)
_UNSENT = "nothing was sent, nothing is billed"
_MAYBE_BILLED = "the picture may still be made, and billed"


def suspect(seconds: float) -> str | None:
    """Name who is known to cut at this round number of seconds, ± 3 %."""
    return next((who for limit, who in _ROUND_NUMBERS if abs(seconds - limit) <= 0.03 * limit), None)


_CONNECT_ERRORS: Mapping[int, Diagnosis] = MappingProxyType(
    {
        errors.ECONNREFUSED: Diagnosis(
            "Nobody listens there: the connection was refused", f"Check host and port of `base_url`; {_UNSENT}"
        ),
        errors.ENETUNREACH: Diagnosis("There is no route to the provider", f"Check this machine's network; {_UNSENT}"),
        errors.EHOSTUNREACH: Diagnosis("The host cannot be reached", f"Check network and firewall; {_UNSENT}"),
        errors.ECONNRESET: Diagnosis(
            "The connection was reset while it was made", f"Check the firewall and proxy on the way; {_UNSENT}"
        ),
        errors.EMFILE: Diagnosis(
            "This process has no file descriptor left for a connection",
            f"Raise its limit (`ulimit -n`) or set `max_in_flight`; {_UNSENT}",
        ),
        errors.EADDRNOTAVAIL: Diagnosis(
            "This machine has no local port left for a connection", f"Set `max_in_flight`; {_UNSENT}"
        ),
    }
)


def _connect(seen: Observation) -> Diagnosis:
    if seen.errno is not None and seen.errno < 0:
        return Diagnosis(
            "The provider's name could not be resolved", f"Check the host in `base_url`, and DNS; {_UNSENT}"
        )
    if seen.errno is not None and seen.errno in _CONNECT_ERRORS:
        return _CONNECT_ERRORS[seen.errno]
    return Diagnosis(
        f"No connection was made within {_s(seen.elapsed)}",
        "Check whether a firewall drops it or a proxy is needed (`proxy`), or raise `connect_timeout`; " + _UNSENT,
    )


_TLS_ERRORS = (
    (
        "wrong_version_number",
        "The server does not speak TLS on this port",
        "Use its https port, or an http:// `base_url` with `plaintext` if unencrypted is meant",
    ),
    ("expired", "The server's certificate has expired", "Tell the provider, and check this machine's clock"),
    (
        "mismatch",
        "The server's certificate is for another host",
        "Check the host in `base_url`; somebody may sit in between",
    ),
    (
        "self-signed",
        "The server's certificate is not from a known authority",
        "If a proxy of your own opens TLS, give its authority as `ca_file`; else somebody sits in between",
    ),
    (
        "unable to get local issuer",
        "The server's certificate is not from a known authority",
        "Install this machine's authorities (ca-certificates), or give `ca_file`",
    ),
)


def _tls(seen: Observation) -> Diagnosis:
    detail = seen.detail.lower().replace("self signed", "self-signed")
    for mark, message, advice in _TLS_ERRORS:
        if mark in detail:
            return Diagnosis(message, f"{advice}; {_UNSENT}")
    return Diagnosis(
        f"No TLS connection came about within {_s(seen.elapsed)}",
        f"Check port and scheme of `base_url`, and whether a proxy on the way opens TLS; {_UNSENT}",
    )


def _disconnected(seen: Observation) -> Diagnosis:
    if not seen.sent:
        return _connect(seen)
    if seen.errno == errors.ETIMEDOUT:
        return Diagnosis(
            f"The connection died silently: after {_s(seen.elapsed)} the other side acknowledged nothing any more",
            f"A NAT, VPN or firewall forgot it: raise its idle time-out, or take another route; {_MAYBE_BILLED}",
        )
    if seen.stage is Stage.SEND:
        return _cut_upload(seen)
    return _cut_body(seen) if seen.stage >= Stage.BODY else _cut_silence(seen)


def _cut_upload(seen: Observation) -> Diagnosis:
    message = f"The connection was {_end(seen)} after {_s(seen.elapsed)}, while the request was still being sent"
    if seen.large_upload:
        return Diagnosis(message, "Send smaller reference pictures: a proxy on the way probably limits request bodies")
    return Diagnosis(message, f"Try again: the server, or a proxy before it, was probably restarting; {_MAYBE_BILLED}")


def _cut_silence(seen: Observation) -> Diagnosis:
    message = f"The connection was {_end(seen)} after {_s(seen.elapsed)} without a byte of an answer"
    if who := suspect(seen.silence):
        return Diagnosis(
            f"{message}: a round number, so probably by {who} and not by the provider",
            f"Take a route without it, or raise its idle time-out above the attempt's; {_MAYBE_BILLED}",
        )
    if seen.elapsed < 1:
        return Diagnosis(
            f"{message}, at once",
            "Check that scheme and port of `base_url` belong together"
            if seen.plaintext
            else f"The server was probably restarting, or had closed the idle connection; {_MAYBE_BILLED}",
        )
    return Diagnosis(message, f"The provider or a proxy before it broke off; {_MAYBE_BILLED}")


def _cut_body(seen: Observation) -> Diagnosis:
    message = f"The connection was {_end(seen)} in the middle of the answer, {_progress(seen)}"
    if who := suspect(seen.silence):
        return Diagnosis(
            f"{message} and {_s(seen.silence)} of silence: probably by {who}",
            "Raise its time-out between two reads, or take a route without it; the picture is billed",
        )
    return Diagnosis(message, "The path broke while downloading: try another route; the picture is probably billed")


def _timeout(seen: Observation) -> Diagnosis:
    if not seen.sent:
        return Diagnosis(
            f"The time ran out after {_s(seen.elapsed)}, {_WHILE[seen.stage]}", f"Give it more time; {_UNSENT}"
        )
    if seen.out_of_time and seen.stage is not Stage.WAIT:
        return Diagnosis(
            f"The time ran out after {_s(seen.elapsed)}, {_WHILE[seen.stage]}",
            f"Give it more time ({_knob(seen)}); {_MAYBE_BILLED}",
        )
    if seen.stage is Stage.SEND:
        return Diagnosis(
            f"The request could not be sent: nothing moved for {_s(seen.silence)}",
            "Send smaller reference pictures, or check the path for large packets (MTU)"
            if seen.large_upload
            else f"Check the path for large packets (MTU), or whether the server still reads; {_MAYBE_BILLED}",
        )
    return _slow_body(seen) if seen.stage >= Stage.BODY else _no_answer(seen)


def _no_answer(seen: Observation) -> Diagnosis:
    whose = " that the caller's deadline left" if seen.by_deadline else " given"
    message = f"No answer came within the {_s(seen.elapsed)}{whose}"
    usual = seen.expected
    if usual and seen.elapsed < usual.p95:
        return Diagnosis(
            f"{message}, but one in twenty takes more than {_s(usual.p95)}",
            f"Give it at least {_s(1.5 * usual.p99)} ({_knob(seen)}); {_MAYBE_BILLED}",
        )
    if usual and seen.elapsed >= usual.p99:
        return Diagnosis(
            f"{message}, though 99 % come within {_s(usual.p99)}",
            f"The provider hangs, more time would not help: leave it to the fallback; {_MAYBE_BILLED}",
        )
    return Diagnosis(message, f"Give it more time ({_knob(seen)}), or leave it to the fallback; {_MAYBE_BILLED}")


def _slow_body(seen: Observation) -> Diagnosis:
    if seen.received == 0:
        return Diagnosis(
            f"The answer began, but for {_s(seen.silence)} not a byte of it came",
            "A proxy probably holds it back: switch its buffering off, or take another route; the picture is billed",
        )
    if seen.received < FEW_BYTES:
        return Diagnosis(
            f"The answer froze {_progress(seen)}",
            "Large packets are probably dropped on the way: lower the MTU (VPN, tunnel); the picture is billed",
        )
    return Diagnosis(
        f"The answer came too slowly or stopped, {_progress(seen)} and {_s(seen.elapsed)}",
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
        f"Check `base_url`, and whether a proxy or login page on the way interferes; {_MAYBE_BILLED}",
    )


def _cancelled(seen: Observation) -> Diagnosis:
    message = f"It was given up after {_s(seen.elapsed)}, {_WHILE[seen.stage]}"
    if not seen.sent:
        return Diagnosis(message, f"Nothing to change: {_UNSENT}")
    if seen.expected and seen.elapsed > seen.expected.p99:
        return Diagnosis(
            f"{message}, though 99 % come within {_s(seen.expected.p99)}", f"The provider hangs; {_MAYBE_BILLED}"
        )
    return Diagnosis(message, f"To have less of this, let callers pass `timeout` and wait for it; {_MAYBE_BILLED}")


_WHILE: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.QUEUED: "while it waited for its turn",
        Stage.CONNECT: "while it was connecting",
        Stage.SEND: "while the request was being sent",
        Stage.WAIT: "while it waited for the answer",
        Stage.BODY: "while the answer was coming in",
        Stage.VALIDATE: "while the picture was being checked",
        Stage.DONE: "when all was done",
    }
)

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
        f"The attempt failed after {_s(seen.elapsed)}, {_WHILE[seen.stage]}",
        "This is unexpected: please report it with the provider's type and version",
    )


_BY_KIND: Mapping[FailureKind, Callable[[Observation], Diagnosis]] = MappingProxyType(
    {
        FailureKind.CONNECT: _connect,
        FailureKind.TLS: _tls,
        FailureKind.DISCONNECTED: _disconnected,
        FailureKind.PROTOCOL: _protocol,
        FailureKind.TIMEOUT: _timeout,
        FailureKind.CANCELLED: _cancelled,
    }
)


def _s(seconds: float) -> str:
    return f"{seconds:.3g} s"


def _end(seen: Observation) -> str:
    return "closed" if seen.clean_end else "reset"


def _progress(seen: Observation) -> str:
    of = f" of {seen.announced:,}" if seen.announced is not None else ""
    return f"after {seen.received:,}{of} bytes"


def _knob(seen: Observation) -> str:
    return "the caller's `timeout`" if seen.by_deadline else "`attempt_timeout`"
