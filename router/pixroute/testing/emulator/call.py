"""A request as it arrived: what a test may assert about the bytes a client sent."""

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from aiohttp import BodyPartReader
from attrs import Factory, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web


PROVIDER_HEADER = "X-Emulated-Provider"
"""By which a client tells, percent-encoded, under which name a configuration has it; faults can be set by it."""
_PROVIDER = "provider="
PROVIDER_QUERY = "emulated-provider"
"""The same in the links of results, which are fetched without headers."""
_SURROGATE = re.compile(rb"\\u[dD]")


@frozen(kw_only=True)
class ReceivedCall:
    """One whole request.

    `listener` is "http" or "https". `route` is "images", "edits", "native", "ark", "chat", "files", "models",
    one of a service's own or "unknown". `headers` have lower-case names. `json` is None where the body is not JSON.
    `fields` are a form's, each with all its values in order: text, or the bytes of a file. `provider` is who the sender
    says it is, by the header `X-Emulated-Provider`.
    """

    listener: str
    route: str
    method: str
    path: str
    query: "Mapping[str, str]" = Factory(dict)
    headers: "Mapping[str, str]" = Factory(dict)
    body: bytes = field(default=b"", repr=False)
    json: Any = field(default=None, repr=False)
    fields: "Mapping[str, list[str | bytes]]" = field(factory=dict, repr=False)
    origin: str = ""
    provider: str = ""
    target: "Mapping[str, str]" = Factory(dict)

    @property
    def key(self) -> str:
        """The credential sent, or ""."""
        return self.headers.get("x-goog-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def to_google(self) -> bool:
        """Whether it is addressed as Google itself is, and not as an aggregator is."""
        return "x-goog-api-key" in self.headers

    @property
    def model(self) -> str:
        """The model asked for, or ""."""
        sent = self.json.get("model") if isinstance(self.json, dict) else self.fields.get("model", [""])[0]
        return self.target.get("model") or (sent if isinstance(sent, str) else "")


def marked(provider: str) -> dict[str, str]:
    """Give the header that says who asks; its value is more than the name, for headers count as secrets."""
    return {PROVIDER_HEADER: f"{_PROVIDER}{quote(provider, safe='')}"}


def _provider_in(header: str) -> str:
    return unquote(header.removeprefix(_PROVIDER))


async def receive(request: "web.Request", route: str) -> ReceivedCall:
    """Read a request to its end."""
    is_form = request.content_type == "multipart/form-data"
    fields = await _read_fields(request) if is_form else {}
    body = b"" if is_form else await request.read()
    return ReceivedCall(
        listener=request.scheme,
        route=route,
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        json=_json(body),
        fields=fields,
        origin=f"{request.scheme}://{request.host}",
        provider=_provider_in(request.headers.get(PROVIDER_HEADER, "")) or request.query.get(PROVIDER_QUERY, ""),
        target=dict(request.match_info),
    )


def _json(body: bytes) -> Any:
    """Read JSON; a document with half a surrogate pair in it is none, as upstreams have it."""
    with suppress(ValueError, RecursionError):
        document = json.loads(body)
        if _SURROGATE.search(body):
            json.dumps(document, ensure_ascii=False).encode()
        return document
    return None


async def _read_fields(request: "web.Request") -> dict[str, list[str | bytes]]:
    fields: dict[str, list[str | bytes]] = {}
    reader = await request.multipart()
    while isinstance(part := await reader.next(), BodyPartReader):
        data = bytes(await part.read())
        fields.setdefault(part.name or "", []).append(data if part.filename else data.decode(errors="replace"))
    return fields
