"""Providers that speak one dialect at several places: a plugin says where, with what key, and how it is asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TypeVar

from attrs import Factory, evolve, field, frozen

from pixroute.dialects import gemini, openai_images
from pixroute.dialects.openai_sizes import LARGEST_PIXELS, exact, said_size, shape_of, sizes_of
from pixroute.http.call import Details, HttpSettings, Item, Reply
from pixroute.http.provider import HttpProvider
from pixroute.outcome import Failure
from pixroute.provider import Capabilities
from pixroute.request import ImageRequest, Size

G = TypeVar("G", bound=HttpSettings)


class GeminiFamily(HttpProvider[G]):
    """Speaks `generateContent`; refusals and failed calls are not billed by picture, as far as Google says."""

    output_formats: Collection[str] = ()
    """What may be asked for; empty: it makes what it likes."""

    def capabilities(self) -> Capabilities:
        """Tell what Nano Banana Pro can do; the lite model makes 1K only."""
        return self._capabilities

    @cached_property
    def _capabilities(self) -> Capabilities:
        pro = Capabilities(
            resolutions={"1K", "2K", "4K"},
            aspect_ratios=gemini.ASPECT_RATIOS,
            output_formats=self.output_formats,
            references=gemini.REFERENCES,
        )
        return evolve(pro, resolutions={"1K"}) if "-lite-" in self.settings.model else pro

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the one picture."""
        return gemini.pictures(reply)

    def classify(self, reply: Reply) -> Failure | None:
        """Find the refusals in a 200."""
        return gemini.refusal(reply)

    def details(self, reply: Reply) -> Details:
        """Give model and tokens."""
        return gemini.details(reply)


def _sizes_of(settings: OpenAIFamilySettings) -> tuple[str, ...]:
    return sizes_of(str(settings.model))


@frozen(kw_only=True)
class OpenAIFamilySettings(HttpSettings):
    """Settings of what takes OpenAI's sizes.

    Args:
        sizes: the only sizes it takes, such as `["1024x1024", "1536x1024"]`. Default: by the model's name, what OpenAI
            documents for the gpt-image-1 family; for any other model empty, which means gpt-image-2's rule: any size
            up to 3840x2160 pixels whose sides are divisible by 16, in shapes from 1:3 to 3:1.
    """

    model: str = "gpt-image-2"
    sizes: tuple[str, ...] = field(default=Factory(_sizes_of, takes_self=True), validator=exact)


T = TypeVar("T", bound=OpenAIFamilySettings)


class OpenAIFamily(HttpProvider[T]):
    """Answers as OpenAI's images API does; its prices are by token, so unknown unless configured."""

    output_formats: Collection[str] = ()
    """What may be asked for; empty: it makes what it likes."""
    max_prompt: int | None = None

    def capabilities(self) -> Capabilities:
        """Tell what the sizes and the model's name say."""
        return self._capabilities

    def size_of(self, request: ImageRequest) -> str:
        """Say the size, which is always said."""
        return said_size(request.size, self._listed)

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the entries of `data`."""
        return openai_images.pictures(reply)

    def details(self, reply: Reply) -> Details:
        """Give usage and rewritten prompts."""
        return openai_images.details(reply)

    @cached_property
    def _listed(self) -> tuple[Size, ...]:
        return tuple(Size.parse(text) for text in self.settings.sizes)

    @cached_property
    def _capabilities(self) -> Capabilities:
        return Capabilities(
            resolutions={size.resolution for size in self._listed} or {"1K", "2K"},
            aspect_ratios={shape_of(size) for size in self._listed},
            exact_pixels=None if self._listed else (1, LARGEST_PIXELS),
            exact_sizes={size.nominal() for size in self._listed},
            output_formats=self.output_formats,
            references=16,
            reference_formats={"png", "jpeg", "webp"},
            mask_formats={"png"},
            max_images=10,
            max_prompt=self.max_prompt,
        )
