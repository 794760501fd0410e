"""Reference pictures as wires want them."""

from __future__ import annotations

import pybase64

from pixroute.request import Reference


def data_of(reference: Reference) -> bytes:
    """Give its bytes, which are read before a provider is asked."""
    return reference.data or b""


def media_type_of(reference: Reference) -> str:
    """Give the declared type, else what the first bytes say."""
    return reference.media_type or _sniff(data_of(reference))


def base64_of(reference: Reference) -> str:
    """Give its bytes as base64."""
    return pybase64.b64encode_as_string(data_of(reference))


def data_uri_of(reference: Reference) -> str:
    """Give it as `data:image/png;base64,…`."""
    return f"data:{media_type_of(reference)};base64,{base64_of(reference)}"


def _sniff(data: bytes) -> str:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp" and data[8:12] in {b"heic", b"heix", b"mif1"}:
        return "image/heic"
    return "application/octet-stream"
