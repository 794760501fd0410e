"""Multipart bodies, read on the other side by a parser that shares nothing with ours."""

from __future__ import annotations

from email import message_from_bytes
from typing import Any

import pytest

from pixroute.http.call import Part
from pixroute.http.provider import HttpProvider
from pixroute.http.wire.outgoing import outgoing
from pixroute.request import ImageRequest
from pixroute.testing.conformance.words import check, told


class FormChecks:
    """Checks of providers that send forms."""

    def test_forms_arrive_as_they_were_written(
        self, http_provider: HttpProvider[Any], asked: list[ImageRequest]
    ) -> None:
        """Every field with its name, its value, and for a file its name and its media type."""
        forms = [(one, call) for one in asked if (call := http_provider.encode(one)).form is not None]
        if not forms:
            pytest.skip("this provider sends no forms")
        for one, call in forms:
            sent = outgoing(call, http_provider.endpoint, "request-1")
            head = f"Content-Type: {sent.headers['Content-Type']}\r\n\r\n".encode()
            parts: Any = message_from_bytes(head + (sent.body or b"")).get_payload()
            found = [_read(part) for part in parts]
            written = [_written(part) for part in call.form or ()]
            check(
                found == written,
                f"The form for {told(one)} arrives as {found}, not as {written}.",
                "What the upstream does not find it refuses, or leaves to its default.",
            )
            files = [part for part in call.form or () if part.filename is not None]
            check(
                all(part.media_type for part in files),
                f"A file in the form for {told(one)} has no media type.",
                "Upstreams refuse `application/octet-stream` as no picture.",
            )


def _read(part: Any) -> tuple[str, str | None, bytes]:
    return part.get_param("name", header="content-disposition"), part.get_filename(), part.get_payload(decode=True)


def _written(part: Part) -> tuple[str, str | None, bytes]:
    value = part.value.encode() if isinstance(part.value, str) else part.value
    return part.name, part.filename, value
