"""Google's Gemini API."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from pixroute import HttpSettings, ImageRequest, Latency, Price, Quantiles
from pixroute.dialects import gemini
from pixroute.dialects.families import GeminiFamily
from pixroute.http import Auth, Call

PRO = "gemini-3-pro-image"
PRO_PRICE = Price(
    amounts={"1K": Decimal("0.134"), "2K": Decimal("0.134"), "4K": Decimal("0.24")},
    source="Google's price list for gemini-3-pro-image, read by others, 2026-10",
    listed="others",
    as_of="2026-10",
)
PRO_LATENCY = Latency(
    table={"1K": Quantiles(45, 90, 150), "2K": Quantiles(65, 120, 180), "4K": Quantiles(120, 170, 250)},
    source="an aggregator's guide to the same model, January 2026",
)


@frozen(kw_only=True)
class GeminiSettings(HttpSettings):
    """Settings of Google's endpoint.

    Args:
        base_url: up to and including the version.
        model: `gemini-3-pro-image` is Nano Banana Pro; retired names answer 404.
    """

    base_url: str = "https://generativelanguage.googleapis.com/v1beta"
    model: str = PRO


class Gemini(GeminiFamily[GeminiSettings]):
    """Speaks `generateContent`; the key goes into a header, never into the URL, which would be logged."""

    auth = Auth("x-goog-api-key", "{key}")
    versions = ("/v1beta", "/v1", "/v1alpha")
    models_path = "models?pageSize=1000"

    def __init__(self, name: str, settings: GeminiSettings) -> None:
        super().__init__(name, settings)
        if settings.model.startswith(PRO):
            self.price, self.latency = PRO_PRICE, PRO_LATENCY

    def encode(self, request: ImageRequest) -> Call:
        """Ask by shape and class."""
        return gemini.call(request, model=self.settings.model)
