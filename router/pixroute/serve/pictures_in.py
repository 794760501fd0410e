"""Reference pictures as callers give them in JSON: data URIs, base64, or URLs, under any of the names in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pybase64

from pixroute.request import LARGEST_REFERENCE, Reference
from pixroute.serve.problem import bad

FIELDS = ("image", "images", "image_url", "image_urls", "input_references", "reference_images")
"""Where OpenAI, xAI, OpenRouter, Seedream and aggregators look for them."""
_INSIDE = ("image_url", "url", "b64_json", "data")
_SPACES = {ord(one): None for one in " \t\r\n"}


def pictures_in(fields: Mapping[str, Any]) -> list[Reference | str]:
    """Give the references of a body, in order; a URL stays text.

    Raises:
        Refused: one cannot be read.
    """
    return [one for name in FIELDS if fields.get(name) is not None for one in _each(fields[name], name)]


def masks_in(fields: Mapping[str, Any]) -> list[Reference | str]:
    """Give the masks of a body, one at most if it is right; a URL stays text. Raises as `pictures_in`."""
    return [] if fields.get("mask") is None else list(_each(fields["mask"], "mask"))


def _each(value: Any, param: str) -> Iterator[Reference | str]:
    if isinstance(value, list):
        for one in value:
            yield from _each(one, param)
        return
    if isinstance(value, Mapping):
        if value.get("file_id") is not None:
            raise bad("file_id is not taken: no files are kept here; give the picture as a data URI", param)
        found = next((value[name] for name in _INSIDE if value.get(name) is not None), None)
        value = found.get("url") if isinstance(found, Mapping) else found
    if not isinstance(value, str):
        raise bad("a reference picture must be a URL, a data URI or base64", param)
    yield picture_of(value, param)


def picture_of(text: str, param: str) -> Reference | str:
    """Read one; http:// and https:// stay text.

    Raises:
        Refused: it is neither a URL, nor a data URI, nor base64.
    """
    text = text.strip()
    if text[:8].lower().startswith(("http://", "https://")):
        return text
    head, comma, body = text.partition(",") if text[:5].lower() == "data:" else ("", "", text)
    if head and not (comma and head.lower().endswith(";base64")):
        raise bad("a data URI must be base64", param)
    return Reference(data=decoded(body, param))


def decoded(text: str, param: str) -> bytes:
    """Decode base64 of either alphabet, padded or not, in lines or not.

    Raises:
        Refused: it is none, or more than a reference may have.
    """
    body = text.translate(_SPACES) if any(space in text for space in "\n\r \t") else text
    if len(body) > LARGEST_REFERENCE * 4 // 3 + 4:
        raise bad(f"the picture has more than {LARGEST_REFERENCE} bytes", param)
    try:
        padded = body + "=" * (-len(body) % 4)
        data = pybase64.b64decode(padded, altchars=b"-_" if "-" in body or "_" in body else None, validate=True)
    except ValueError:
        raise bad("the picture is neither a URL, nor a data URI, nor base64", param) from None
    if not data:
        raise bad("the picture has no bytes", param)
    return data
