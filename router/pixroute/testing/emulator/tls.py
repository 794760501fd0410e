"""A certificate for the emulator's TLS listener."""

import ssl


def make_certificate(*names: str) -> tuple[ssl.SSLContext, str]:
    """Make an authority and a certificate for `names`: the server's context and the authority as PEM text."""
    import trustme  # noqa: PLC0415 - imported when used: an extra, and cryptography is heavy

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context, authority.cert_pem.bytes().decode()
