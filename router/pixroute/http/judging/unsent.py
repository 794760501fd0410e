"""Why a request never left: names, sockets and TLS."""

from __future__ import annotations

import errno as errors
from collections.abc import Mapping
from types import MappingProxyType

from pixroute.http.judging.lack import LACKS
from pixroute.http.judging.observation import UNSENT, Diagnosis, Observation, spell

_CONNECT_ERRORS: Mapping[int, Diagnosis] = MappingProxyType(
    {
        errors.ECONNREFUSED: Diagnosis(
            "Nobody listens there: the connection was refused", f"Check host and port of `base_url`; {UNSENT}"
        ),
        errors.ENETUNREACH: Diagnosis("There is no route to the provider", f"Check this machine's network; {UNSENT}"),
        errors.EHOSTUNREACH: Diagnosis("The host cannot be reached", f"Check network and firewall; {UNSENT}"),
        errors.ECONNRESET: Diagnosis(
            "The connection was reset while it was made", f"Check the firewall and proxy on the way; {UNSENT}"
        ),
    }
)


def connect(seen: Observation) -> Diagnosis:
    """Explain a connection that did not come about."""
    if seen.errno is not None and seen.errno < 0:
        return Diagnosis(
            "The provider's name could not be resolved", f"Check the host in `base_url`, and DNS; {UNSENT}"
        )
    if seen.errno is not None and seen.errno in _CONNECT_ERRORS:
        return _CONNECT_ERRORS[seen.errno]
    if seen.errno is not None and seen.errno in LACKS:
        message, advice = LACKS[seen.errno]
        return Diagnosis(message, f"{advice}; {UNSENT}")
    if seen.detail:
        return Diagnosis(
            "The connection could not be made", f"Check the network, and the proxy if one is set; {UNSENT}"
        )
    return Diagnosis(
        f"No connection was made within {spell(seen.elapsed)}",
        "Check whether a firewall drops it or a proxy is needed (`proxy`), or raise `connect_timeout`; " + UNSENT,
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


def tls(seen: Observation) -> Diagnosis:
    """Explain a handshake that failed, by the words of the TLS library."""
    detail = seen.detail.lower().replace("self signed", "self-signed")
    for mark, message, advice in _TLS_ERRORS:
        if mark in detail:
            return Diagnosis(message, f"{advice}; {UNSENT}")
    return Diagnosis(
        f"No TLS connection came about within {spell(seen.elapsed)}",
        f"Check port and scheme of `base_url`, and whether a proxy on the way opens TLS; {UNSENT}",
    )
