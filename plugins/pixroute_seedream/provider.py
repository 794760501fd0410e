"""Seedream, at an aggregator or at its maker's own cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal

from attrs import Factory, evolve, frozen

from pixroute import Capabilities, HttpProvider, HttpSettings, ImageRequest
from pixroute.dialects import openai_images
from pixroute.http import Call, Details, Item, Reply
from pixroute_seedream.models import MOST_PICTURES, model_of
from pixroute_seedream.wire import call

BASE_URLS: Mapping[str, str] = {
    "apiyi": "https://api.apiyi.com/v1",
    "ark": "https://ark.ap-southeast.bytepluses.com/api/v3",
    "volcengine": "https://ark.cn-beijing.volces.com/api/v3",
}
VERSIONS: Mapping[str, tuple[str, ...]] = {"apiyi": ("/v1",), "ark": ("/api/v3",), "volcengine": ("/api/v3",)}
REFERENCES: Mapping[str, int] = {"apiyi": 10, "ark": 14, "volcengine": 14}
MODEL = "seedream-4-5-251128"


def _model(settings: SeedreamSettings) -> str:
    return f"doubao-{MODEL}" if str(settings.via) == "volcengine" else MODEL


@frozen(kw_only=True)
class SeedreamSettings(HttpSettings):
    """Settings of Seedream.

    Args:
        via: "apiyi"; or "ark": BytePlus ModelArk, with a key of its own and truly independent of the aggregator; or
            "volcengine": the same inside China, with its own keys and prices, which are not known here.
        base_url: up to and including the version; by default as `via` says.
        model: the model, or an endpoint's id; Volcengine puts `doubao-` before the names.
        sequential: ask for n pictures by one call, as a related series of which the model may make fewer. Default:
            one call for each, independent of each other.
    """

    via: Literal["apiyi", "ark", "volcengine"] = "apiyi"
    base_url: str = Factory(lambda self: BASE_URLS.get(str(self.via), ""), takes_self=True)
    model: str = Factory(_model, takes_self=True)
    sequential: bool = False


class Seedream(HttpProvider[SeedreamSettings]):
    """Speaks Ark's images dialect, which the aggregator passes through."""

    def __init__(self, name: str, settings: SeedreamSettings) -> None:
        super().__init__(name, settings)
        model = model_of(settings.model)
        self.price = None if settings.via == "volcengine" else model.price
        self.latency = model.latency
        self.versions = VERSIONS[settings.via]
        self.models_path = "models" if settings.via == "apiyi" else None

    def capabilities(self) -> Capabilities:
        """Tell what the model makes."""
        return self._capabilities

    def encode(self, request: ImageRequest) -> Call:
        """Ask in exact pixels, without a watermark."""
        output_format = request.output_format if request.output_format in self._capabilities.output_formats else None
        return call(request, model=self.settings.model, output_format=output_format)

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the entries of `data`, of which any may be an error."""
        return openai_images.pictures(reply)

    def details(self, reply: Reply) -> Details:
        """Give model and usage."""
        return openai_images.details(reply)

    @cached_property
    def _capabilities(self) -> Capabilities:
        can = model_of(self.settings.model).capabilities
        return evolve(
            can,
            references=min(REFERENCES[self.settings.via], can.references or MOST_PICTURES),
            max_images=can.max_images if self.settings.sequential else 1,
        )
