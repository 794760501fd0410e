"""Nano Banana Pro at APIYI, in either of two dialects, on either of two ports (upstreams §3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from attrs import Factory, evolve, frozen

from pixroute import (
    Capabilities,
    Failure,
    FailureKind,
    HttpProvider,
    HttpSettings,
    ImageRequest,
    Latency,
    Price,
    Quantiles,
    Size,
)
from pixroute.dialects import gemini, openai_images
from pixroute.http import Call, Details, Item, Reply, TwoRoutes

PRICE = Price(
    amounts={"other": Decimal("0.09")},
    source="APIYI's price list, November 2026: one price for 1K to 4K",
    listed="vendor",
    as_of="2026-11",
)
LATENCY = Latency(
    table={"1K": Quantiles(45, 90, 150), "2K": Quantiles(65, 120, 180), "4K": Quantiles(120, 170, 250)},
    source="the vendor's guide of January 2026",
)
CAPABILITIES = Capabilities(
    resolutions={"1K", "2K", "4K"},
    aspect_ratios=gemini.ASPECT_RATIOS,
    references=gemini.REFERENCES,
    bills_refusals=True,
)
ADVICE = 'APIYI documents this model only for the native route: set `api = "native"`.'
NATIVE_NEXT = "The native route is asked next, and from now on."

MODELS: Mapping[str, str] = {"images": "nano-banana-pro", "native": "gemini-3-pro-image"}
SIDES_AT_1K: Mapping[tuple[int, int], tuple[int, int]] = {
    (1, 1): (1024, 1024),
    (3, 2): (1264, 848),
    (4, 3): (1200, 896),
    (5, 4): (1152, 928),
    (16, 9): (1376, 768),
    (21, 9): (1584, 672),
}
"""What the model makes at 1K; at 2K and 4K twice and four times that, upright with the sides exchanged."""


@frozen(kw_only=True)
class NanoBananaProHttpsSettings(HttpSettings):
    """Settings of the HTTPS endpoint.

    Args:
        base_url: scheme, host and port only, for the two dialects begin at different versions.
        api: "images" for `/v1/images/generations`, "native" for `/v1beta/models/…:generateContent`; "auto" for the
            first until it refuses the model or makes a smaller class than asked, from then on the second.
        model: by default `nano-banana-pro` for "images", `gemini-3-pro-image` for "native", each by its own for "auto".
    """

    base_url: str = "https://api.apiyi.com"
    api: Literal["auto", "images", "native"] = "auto"
    model: str = Factory(lambda self: MODELS.get(str(self.api), MODELS["images"]), takes_self=True)


@frozen(kw_only=True)
class NanoBananaProHttpSettings(NanoBananaProHttpsSettings):
    """Settings of the HTTP port, which saves the TLS handshake and shows the key: it asks for `plaintext`."""

    base_url: str = "http://api.apiyi.com:16888"


class NanoBananaPro(HttpProvider[NanoBananaProHttpsSettings]):
    """What both dialects have in common: the model."""

    price = PRICE
    latency = LATENCY
    versions = ("",)
    models_path = "v1/models"

    def capabilities(self) -> Capabilities:
        """Tell what the model can do."""
        return CAPABILITIES


class ImagesApi(NanoBananaPro):
    """Speaks OpenAI's images API, as the vendor's guide shows it."""

    advice = MappingProxyType({FailureKind.MODEL_GONE: ADVICE, FailureKind.UNDERSIZED: ADVICE})
    recommendation = ADVICE

    def encode(self, request: ImageRequest) -> Call:
        """Ask in pixels, those that the model makes of class and shape."""
        return openai_images.call(
            request,
            root="v1/",
            model=self.settings.model,
            size=_pixels(request.size or Size("1K")),
            n=request.n,
            response_format="url",
        )

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give what came, base64 or URL, whichever was asked for."""
        return openai_images.pictures(reply)

    def details(self, reply: Reply) -> Details:
        """Give usage, which is mostly null."""
        return openai_images.details(reply)


class NativeApi(NanoBananaPro):
    """Speaks Google's dialect, passed through."""

    def encode(self, request: ImageRequest) -> Call:
        """Ask by shape and class."""
        return gemini.call(request, root="v1beta/", model=self.settings.model)

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the one picture."""
        return gemini.pictures(reply)

    def classify(self, reply: Reply) -> Failure | None:
        """Find the refusals in a 200."""
        return gemini.refusal(reply)

    def details(self, reply: Reply) -> Details:
        """Give model and tokens."""
        return gemini.details(reply)


class Auto(TwoRoutes[NanoBananaProHttpsSettings], NanoBananaPro):
    """Asks the images route until it fails for what it is, from then on the native one, whichever the port."""

    advice = MappingProxyType({FailureKind.UNDERSIZED: NATIVE_NEXT})

    def __init__(self, name: str, settings: NanoBananaProHttpsSettings) -> None:
        super().__init__(name, settings)
        own = MODELS["native"] if settings.model == MODELS["images"] else settings.model
        self.first = ImagesApi(name, evolve(settings, api="images"))
        self.second = NativeApi(name, evolve(settings, api="native", model=own))


TYPES: Mapping[str, type[NanoBananaPro]] = {"auto": Auto, "images": ImagesApi, "native": NativeApi}


def create(name: str, settings: NanoBananaProHttpsSettings) -> NanoBananaPro:
    """Give the provider that speaks what `api` says."""
    return TYPES[settings.api](name, settings)


def _pixels(size: Size) -> str:
    width, height = size.aspect_ratio or (1, 1)
    scale = {"1K": 1, "2K": 2, "4K": 4}.get(size.resolution, 1)
    long, short = SIDES_AT_1K[max(width, height), min(width, height)]
    return f"{long * scale}x{short * scale}" if width >= height else f"{short * scale}x{long * scale}"
