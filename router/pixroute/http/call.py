"""What an HTTP provider says and hears: pure values, without aiohttp."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen

from pixroute.http.body.decoder import Blob
from pixroute.outcome import Failure
from pixroute.provider import ProviderSettings
from pixroute.secret import Secret
from pixroute.values import Above0

Picture = Blob | bytes | str
"""A picture as an answer holds it: decoded bytes, base64 text (a data URI included) or a URL."""


@frozen(kw_only=True)
class Part:
    """One field of a form; with `filename` a file."""

    name: str
    value: str | bytes
    filename: str | None = None
    media_type: str | None = None


@frozen(kw_only=True)
class Call:
    """A request on the wire: `path` is appended to the base URL; exactly one of `json` and `form` is sent."""

    method: str
    path: str
    json: Any = None
    form: tuple[Part, ...] | None = None
    headers: Mapping[str, str] = field(factory=dict)

    @classmethod
    def post(
        cls,
        path: str,
        *,
        json: Any = None,
        form: tuple[Part, ...] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Call:
        """POST a JSON document or a multipart form."""
        return cls(method="POST", path=path, json=json, form=form, headers=headers or {})

    @classmethod
    def get(cls, path: str, *, headers: Mapping[str, str] | None = None) -> Call:
        """GET a path."""
        return cls(method="GET", path=path, headers=headers or {})


@frozen(kw_only=True)
class Reply:
    """A complete answer.

    `headers` have lower-case names. `json` is the document, its long base64 strings replaced by `Blob`s; None if the
    body is not JSON. The data of an event stream is one document, or a list of them. `picture` is what a 2xx answer
    brought as its body, raw or as base64. `text` holds the first KiB of a body that is neither.
    """

    status: int
    headers: Mapping[str, str]
    json: Any = None
    text: str = ""
    picture: Blob | None = None

    @property
    def ok(self) -> bool:
        """Whether the status says success."""
        return 200 <= self.status < 300


@frozen(kw_only=True)
class Details:
    """What an answer tells beside its pictures.

    `cost` is what the whole answer cost, only where the provider documents unit and currency. `served_by`: who made
    the picture where a gateway tells; the attempt's facts keep it.
    """

    model: str | None = None
    usage: Mapping[str, Any] | None = None
    cost: Decimal | None = None
    currency: str = "USD"
    revised_prompts: tuple[str | None, ...] = ()
    served_by: str | None = None


@frozen
class Auth:
    """How the key is sent: a header and its pattern."""

    header: str = "Authorization"
    pattern: str = "Bearer {key}"


def _path(value: str | PathLike[str] | None) -> Path | None:
    return Path(value) if isinstance(value, str | PathLike) and os.fspath(value) else value  # type: ignore[return-value]


def _secret(value: Secret | str | Callable[[], str] | None) -> Secret | None:
    return Secret(value) if isinstance(value, str) or (callable(value) and not isinstance(value, Secret)) else value


@frozen(kw_only=True)
class HttpSettings(ProviderSettings):
    """What every HTTP provider may be configured with.

    Args:
        base_url: where its paths begin, `https://host/v1`; `http://` only with `plaintext`.
        api_key: the credential; sent as the provider's `Auth` says.
        model: the model as it is called upstream.
        plaintext: "refuse" `http://` (default), "accept" it, or "private": only if every address is private.
        connect_timeout: seconds for name, TCP and TLS; None: the policy's.
        headers: sent with every call.
        proxy: a proxy's URL, or "env" to take it from the environment.
        ca_file: a PEM file of authorities to trust in place of the system's; relative to the configuration's folder.
        allow_private_results: result URLs may lie on private addresses.
        send_traceparent: send the W3C `traceparent` of the trace along, where there is one.
    """

    base_url: str = ""
    api_key: Secret | None = field(default=None, converter=_secret)
    model: str = ""
    plaintext: Literal["refuse", "accept", "private"] = "refuse"
    connect_timeout: Above0 | None = None
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    proxy: str | None = field(default=None, repr=False)
    ca_file: Path | None = field(default=None, converter=_path)
    allow_private_results: bool = False
    send_traceparent: bool = False


Item = Picture | Failure
"""One entry of `decode`: a picture, or why that one of several did not come."""
