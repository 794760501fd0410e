"""Where a picture lies, read from what an upstream wrote: used as it was given, byte for byte."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin, urlsplit

_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# No base64 of a picture begins with a slash, but a JPEG's; none has a dot.
_RELATIVE = re.compile(r"/(?!9j/)|[^\s<>\"'{}]{1,1000}\.(?:png|jpe?g|webp|gif)(?:[?#]|$)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_AUTHORITY = re.compile(r"[^/?#]*")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_LONGEST_RELATIVE = 4096


def is_place(text: str) -> bool:
    """Tell whether this is a URL, absolute or relative, rather than a picture written out."""
    text = text.strip()
    if _ABSOLUTE.match(text):
        return True
    may_be_relative = len(text) < _LONGEST_RELATIVE and (text.startswith("/") or "." in text)
    return may_be_relative and _RELATIVE.match(text) is not None


def place(text: str, base: str) -> str:
    """Give the URL as it is sent: a relative one resolved, white space and what is not ASCII percent-encoded.

    Raises:
        ValueError: it cannot be read as a URL with a host.
    """
    text = text.strip()
    if _CONTROL.search(text):
        raise ValueError("a URL with control characters")
    if not _ABSOLUTE.match(text):
        text = urljoin(base, text)
    scheme, _, rest = text.partition("://")
    authority = _AUTHORITY.match(rest)[0]  # type: ignore[index] # it matches nothing, too
    path = quote(rest[len(authority) :], safe=_PRINTABLE, errors="surrogateescape")
    url = f"{scheme.lower()}://{_ascii(authority)}{path}"
    parts = urlsplit(url)
    if not parts.hostname or "@" in authority or "\\" in authority or (parts.port or 1) < 1:
        raise ValueError("not a plain URL")
    return url


def _ascii(authority: str) -> str:
    """Check every label of a host, and write those outside ASCII as the name system has them."""
    encoded = authority.encode("idna").decode()
    return authority if authority.isascii() else encoded
