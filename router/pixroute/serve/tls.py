"""The certificate of a server, looked at before it listens: a mistake is told by the file that it is in."""

from __future__ import annotations

import ssl
from pathlib import Path

from pixroute.errors import ConfigError, Problem

_TIMES = {9: "is not valid yet", 10: "has expired"}
"""What OpenSSL says of a certificate's time, by its codes of verification."""


class _Encrypted(Exception):
    """A key that wants a pass phrase, for which nobody is there to ask."""


def server_context(cert: Path, key: Path) -> ssl.SSLContext:
    """Give the context of a server with this certificate and key.

    Raises:
        ConfigError: one of the files cannot be read, they do not belong together, or no client would take it now.
    """
    for path, where in ((cert, "serve.tls_cert"), (key, "serve.tls_key")):
        _check(path, where)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key, password=_ask_nobody)
    except _Encrypted:
        raise _wrong("serve.tls_key", f"{key} is encrypted; a server has nobody to ask for its pass phrase") from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise _wrong("serve.tls_key", f"{key} is not the key of {cert}") from None
        where, path, what = ("tls_key", key, "key") if _holds(cert) else ("tls_cert", cert, "certificate")
        raise _wrong(f"serve.{where}", f"{path} holds no {what} in PEM form that can be used") from None
    if (code := _verified(context, cert)) in _TIMES:
        raise _wrong("serve.tls_cert", f"{cert} {_TIMES[code]}: clients would refuse it")
    return context


def _holds(cert: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cert)
    except ssl.SSLError:
        return False
    return True


def _check(path: Path, where: str) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise _wrong(where, f"{path} cannot be read: {error.strerror}") from None


def _ask_nobody() -> str:
    raise _Encrypted


def _wrong(where: str, message: str) -> ConfigError:
    return ConfigError([Problem(where, message)])


def _verified(server: ssl.SSLContext, cert: Path) -> int:
    """Give OpenSSL's verdict of a client that trusts this very certificate; 0: it would take it."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(cert)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_side=False),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_code
    return 0
