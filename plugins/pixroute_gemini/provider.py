"""Google's Gemini API."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from attrs import evolve, frozen

from pixroute import Capabilities, Failure, HttpProvider, HttpSettings, ImageRequest, Latency, Price, Quantiles
from pixroute.dialects import gemini
from pixroute.http import Auth, Call, Details, Item, Reply

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


class Gemini(HttpProvider[GeminiSettings]):
    """Speaks `generateContent`; the key goes into a header, never into the URL, which would be logged."""

    auth = Auth("x-goog-api-key", "{key}")
    versions = ("/v1beta", "/v1", "/v1alpha")
    models_path = "models?pageSize=1000"

    def __init__(self, name: str, settings: GeminiSettings) -> None:
        super().__init__(name, settings)
        if settings.model.startswith(PRO):
            self.price, self.latency = PRO_PRICE, PRO_LATENCY

    def capabilities(self) -> Capabilities:
        """Tell what Nano Banana Pro can do; the lite model makes 1K only."""
        return _LITE if "-lite-" in self.settings.model else _PRO

    def encode(self, request: ImageRequest) -> Call:
        """Ask by shape and class."""
        return gemini.call(request, model=self.settings.model)

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the one picture."""
        return gemini.pictures(reply)

    def classify(self, reply: Reply) -> Failure | None:
        """Find the refusals in a 200, which Google does not bill by picture."""
        return gemini.refusal(reply)

    def details(self, reply: Reply) -> Details:
        """Give model and tokens."""
        return gemini.details(reply)


_PRO = Capabilities(
    resolutions={"1K", "2K", "4K"},
    aspect_ratios=gemini.ASPECT_RATIOS,
    references=gemini.REFERENCES,
)
_LITE = evolve(_PRO, resolutions={"1K"})
