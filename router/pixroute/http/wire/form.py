"""Multipart forms, encoded whole: so their length is known, and one way to send a body serves them too."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from pixroute.http.call import Part


def encode_form(parts: Iterable[Part]) -> tuple[bytes, str]:
    """Encode the fields (RFC 7578); return body and Content-Type."""
    boundary = f"pixroute-{secrets.token_hex(16)}"
    pieces = []
    for part in parts:
        value = part.value.encode() if isinstance(part.value, str) else part.value
        pieces += [f"--{boundary}\r\n{_head(part)}\r\n\r\n".encode(), value, b"\r\n"]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def _head(part: Part) -> str:
    head = f'Content-Disposition: form-data; name="{_escape(part.name)}"'
    if part.filename is not None:
        head += f'; filename="{_escape(part.filename)}"'
    media_type = part.media_type or ("application/octet-stream" if part.filename is not None else None)
    return f"{head}\r\nContent-Type: {media_type}" if media_type else head


def _escape(name: str) -> str:
    """Escape as browsers do."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
