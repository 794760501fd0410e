"""What aiohttp raises, read into failures: the one place where its exceptions become values (upstreams §6.1)."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
from attrs import evolve, frozen

from pixroute.http.judging.diagnosis import Observation, diagnose
from pixroute.http.judging.lack import lacking, wanting
from pixroute.http.judging.observation import UNSENT
from pixroute.http.wire.sockets import AddressRefused
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage
from pixroute.redact import redact

FOREIGN = (aiohttp.ClientError, OSError, RuntimeError, ValueError, LookupError, MemoryError, ImportError)
"""What a request may raise: a stubborn resolver RuntimeError, a URL or a header that makes no sense ValueError, a
process without descriptors LookupError (a codec) or ImportError."""


@frozen(kw_only=True)
class Reading:
    """What an exception says; `detail` in words that may be shown, after redaction."""

    kind: FailureKind
    errno: int | None = None
    clean_end: bool = False
    detail: str = ""
    timed_out: bool = False


def failure_of(error: Exception, seen: Observation, clean: Callable[[str], str] = redact) -> Failure:
    """Read an exception by its type and by how far the request had come; `clean` takes the secrets out of its text."""
    if refused := _refused(error):
        return refused
    if (wanted := lacking(error, sent=seen.sent)) is not None:
        return wanting(wanted, seen.stage)
    if not seen.sent and isinstance(error, ValueError) and not isinstance(error, OSError):  # TLS raises what is both
        return _unsendable(error)
    reading = next(read(error, seen) for kind, read in ROWS if isinstance(error, kind))
    return failure_from_observation(
        reading.kind,
        evolve(seen, errno=reading.errno, clean_end=reading.clean_end, detail=clean(reading.detail)),
        timed_out=reading.timed_out,
    )


def failure_from_observation(kind: FailureKind, seen: Observation, *, timed_out: bool = False) -> Failure:
    """Explain a failure without an answer; what had not begun to be sent is free."""
    said = diagnose(kind, seen)
    failure = Failure(kind=kind, message=said.message, advice=said.advice, stage=seen.stage, timed_out=timed_out)
    return failure if seen.sent else evolve(failure, billing=Billing.FREE)


def _refused(error: Exception) -> Failure | None:
    cause = getattr(error, "os_error", None)
    if not isinstance(cause, AddressRefused):
        return None
    return Failure(
        kind=FailureKind.CONNECT,
        message=f"The host was not connected to: {cause.strerror}.",
        advice='Nothing was sent. With `plaintext = "private"` the key goes to private addresses only.',
        stage=Stage.CONNECT,
    )


def _unsendable(error: ValueError) -> Failure:
    return Failure(
        kind=FailureKind.INVALID,
        message=f"The request could not be written for the wire: {type(error).__name__}.",
        advice=f"Check `base_url`, `proxy` and `headers`; {UNSENT}.",
        stage=Stage.CONNECT,
        blame=Blame.OURS,
    )


def _unresolved(error: aiohttp.ClientConnectorDNSError, _: Observation) -> Reading:
    return Reading(kind=FailureKind.CONNECT, errno=error.errno if error.errno and error.errno < 0 else socket.EAI_FAIL)


def _certificate(error: aiohttp.ClientConnectorCertificateError, _: Observation) -> Reading:
    cause = error.certificate_error
    return Reading(kind=FailureKind.TLS, detail=str(getattr(cause, "verify_message", "") or type(cause).__name__))


def _handshake(error: aiohttp.ClientConnectorSSLError, _: Observation) -> Reading:
    return Reading(kind=FailureKind.TLS, detail=str(getattr(error.os_error, "reason", "") or ""))


def _unconnected(error: aiohttp.ClientConnectorError, _: Observation) -> Reading:
    broke_off = error.errno is None and isinstance(error.os_error, ConnectionError)  # asyncio's end of a handshake
    return Reading(kind=FailureKind.TLS if broke_off else FailureKind.CONNECT, errno=error.errno)


def _proxy_refused(error: aiohttp.ClientHttpProxyError, _: Observation) -> Reading:
    return Reading(kind=FailureKind.CONNECT, detail=f"the proxy answered {error.status}")


def _late(_: TimeoutError, seen: Observation) -> Reading:
    return Reading(kind=FailureKind.TIMEOUT if seen.sent else FailureKind.CONNECT, timed_out=True)


def _closed(_: Exception, seen: Observation) -> Reading:
    return Reading(kind=FailureKind.DISCONNECTED if seen.sent else FailureKind.CONNECT, clean_end=True)


def _cut(error: OSError, seen: Observation) -> Reading:
    return Reading(kind=FailureKind.DISCONNECTED if seen.sent else FailureKind.CONNECT, errno=error.errno)


def _half_a_body(error: aiohttp.ClientPayloadError, _: Observation) -> Reading:
    """Tell RST from FIN, and a dead path from both, by the text: aiohttp says it nowhere else."""
    text = str(error)
    if "TimeoutError(" in text:
        return Reading(kind=FailureKind.DISCONNECTED, errno=errno.ETIMEDOUT)
    if "DecodeError" in text or "ContentEncodingError" in text:
        return Reading(kind=FailureKind.PROTOCOL, detail="its compression is broken")
    return Reading(kind=FailureKind.DISCONNECTED, clean_end="ConnectionResetError" not in text)


def _not_http(error: aiohttp.ClientResponseError, _: Observation) -> Reading:
    """Read the parser's own error, whose status 400 nobody sent."""
    return Reading(kind=FailureKind.PROTOCOL, detail=error.message.partition("\n")[0])


def _unreadable(error: ValueError, _: Observation) -> Reading:
    """Take what cannot be read out of a head for what it is: an answer that is no HTTP."""
    return Reading(kind=FailureKind.PROTOCOL, detail=type(error).__name__)


def _unknown(error: Exception, seen: Observation) -> Reading:
    return Reading(kind=FailureKind.UNKNOWN if seen.sent else FailureKind.CONNECT, detail=type(error).__name__)


ROWS: tuple[tuple[type[Exception], Callable[[Any, Observation], Reading]], ...] = (
    (aiohttp.ClientConnectorDNSError, _unresolved),
    (aiohttp.ClientConnectorCertificateError, _certificate),
    (aiohttp.ClientConnectorSSLError, _handshake),
    (aiohttp.ClientConnectorError, _unconnected),
    (aiohttp.ClientHttpProxyError, _proxy_refused),
    (TimeoutError, _late),  # aiohttp's own are subclasses
    (aiohttp.ServerDisconnectedError, _closed),
    (aiohttp.ClientOSError, _cut),
    (aiohttp.ClientPayloadError, _half_a_body),
    (aiohttp.ClientResponseError, _not_http),
    (OSError, _cut),
    (ValueError, _unreadable),
    (Exception, _unknown),
)
"""The first row whose type fits reads the exception; only the first five prove by type that nothing was sent."""
