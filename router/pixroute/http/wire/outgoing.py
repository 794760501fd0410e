"""A call made ready to be sent: pure, so that megabytes of it can be written in a thread."""

from __future__ import annotations

import json
from collections.abc import Mapping

from attrs import field, frozen

from pixroute.http.call import Call
from pixroute.http.endpoint import Endpoint, misfit
from pixroute.http.wire.form import encode_form
from pixroute.http.wire.places import place


@frozen(kw_only=True)
class Outgoing:
    """A request as it goes on the wire; `exact`: its URL was given by others, and is sent byte for byte."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    exact: bool = False


def outgoing(call: Call, endpoint: Endpoint, request_id: str, traceparent: str | None = None) -> Outgoing:
    """Write a call out.

    Raises:
        ValueError: its URL is not of the endpoint's origin, or its JSON or a header of its own cannot be written.
    """
    url = endpoint.url(call.path)
    given = url == call.path  # a whole URL, which is an upstream's word
    if given:
        url = place(url, endpoint.base_url)
    headers = endpoint.request_headers(request_id, traceparent)
    body = None
    if call.form is not None:
        body, headers["Content-Type"] = encode_form(call.form)
    elif call.json is not None:
        body, headers["Content-Type"] = json.dumps(call.json).encode(), "application/json"
    for name, value in call.headers.items():
        if wrong := misfit(name, value):
            raise ValueError(f"its call has a header {name!r}, {wrong}")
    headers.update(call.headers)
    return Outgoing(method=call.method, url=url, headers=headers, body=body, exact=given)
