"""Vertex AI."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import Factory, field, frozen

from pixroute import HttpSettings, ImageRequest, Latency, Price, Quantiles
from pixroute.dialects.families import GeminiFamily
from pixroute.http import Call, Tokens
from pixroute_vertex.google import TokenFetch, account_of
from pixroute_vertex.wire import base_url_of, call, is_of_another_region

PRO = "gemini-3-pro-image"
PRO_PRICE = Price(
    amounts={"1K": Decimal("0.134"), "2K": Decimal("0.134"), "4K": Decimal("0.24")},
    source="Google's price list for gemini-3-pro-image, read by others, 2026-10; batch and flex cost half",
    listed="others",
    as_of="2026-10",
)
PRO_LATENCY = Latency(
    table={"1K": Quantiles(45, 90, 150), "2K": Quantiles(65, 120, 180), "4K": Quantiles(120, 170, 250)},
    source="an aggregator's guide to the same model at Google's other API, January 2026",
)


def _path(value: Any) -> Any:
    return Path(value) if isinstance(value, str) and value else value


@frozen(kw_only=True)
class VertexSettings(HttpSettings):
    """Settings of Vertex AI.

    Args:
        project: whose quota and bill it is. Default: that of `credentials`.
        location: a region such as `europe-west4`, or "global".
        base_url: up to and including the version; by default as `location` says.
        model: `gemini-3-pro-image` is Nano Banana Pro.
        credentials: a service account's JSON key; relative to the configuration's folder. Without it, and without
            `api_key`, the metadata server is asked (extra `vertex` for both).
        api_key: an access token from elsewhere, in place of those.
    """

    project: str = ""
    location: str = "global"
    base_url: str = Factory(lambda self: base_url_of(str(self.location)), takes_self=True)
    model: str = PRO
    credentials: Path | None = field(default=None, converter=_path)


class Vertex(GeminiFamily[VertexSettings]):
    """Speaks `generateContent`; refusals and failed calls are not billed by picture, as far as Google says."""

    output_formats = ("png", "jpeg")
    versions = ("/v1beta1", "/v1")
    models_path = "publishers/google/models?pageSize=1"

    def __init__(self, name: str, settings: VertexSettings) -> None:
        email, project = account_of(settings.credentials)
        if not (settings.project or project):
            raise ValueError(f"provider {name!r}: `project` is missing; give the Google Cloud project's id")
        self._project = settings.project or project
        if settings.api_key is None:
            account = email or f"metadata server of {self._project}"
            self.tokens = Tokens(TokenFetch(settings.credentials), account=account)
        super().__init__(name, settings)
        if is_of_another_region(settings.base_url, settings.location):
            self.recommendation = (
                f"say location as base_url does, or leave base_url out: it is not {settings.location}'s"
            )
        if settings.model.startswith(PRO):
            self.price, self.latency = PRO_PRICE, PRO_LATENCY

    def encode(self, request: ImageRequest) -> Call:
        """Ask by shape and class."""
        return call(request, project=self._project, location=self.settings.location, model=self.settings.model)
