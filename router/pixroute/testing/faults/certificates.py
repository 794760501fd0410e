"""TLS certificates, right and wrong."""

import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

_LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


class Certificates:
    """An authority, and server contexts with certificates that are in order, expired, for another host, or not its.

    Needs trustme (the ``cli`` extra has it).

    Args:
        host: The name or address that clients will ask for.

    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        import trustme  # noqa: PLC0415 - only this part of the package needs it

        authority = trustme.CA()
        self.ca_pem = authority.cert_pem.bytes()
        self.good = _server(authority.issue_cert(host))
        self.expired = _server(authority.issue_cert(host, not_after=_LONG_AGO))
        self.wrong_host = _server(authority.issue_cert("elsewhere.example"))
        self.unknown_authority = _server(trustme.CA().issue_cert(host))

    def client(self) -> ssl.SSLContext:
        """Return a new client context that trusts this authority and no other."""
        return ssl.create_default_context(cadata=self.ca_pem.decode())


def _server(certificate: "trustme.LeafCert") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context
