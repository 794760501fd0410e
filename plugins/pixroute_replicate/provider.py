"""Replicate's predictions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from attrs import frozen

from pixroute import Capabilities, ImageRequest
from pixroute.http import Call, Item, Job, JobProvider, JobSettings, Progress, Reply
from pixroute_replicate.wire import ASPECT_RATIOS, MANY, call, is_model, outputs, state


@frozen(kw_only=True)
class ReplicateSettings(JobSettings):
    """Settings of Replicate.

    Args:
        base_url: up to and including the version.
        model: `owner/name` of an official model, or the id of a version.
        references_as: the input that takes reference pictures, which every model calls by a name of its own, such as
            `input_images` or `image_input`. Default: it takes none.
        max_references: how many that input takes; with 1 it is sent alone, otherwise as a list.
    """

    base_url: str = "https://api.replicate.com/v1"
    model: str = "black-forest-labs/flux-schnell"
    references_as: str = ""
    max_references: int = 1


class Replicate(JobProvider[ReplicateSettings]):
    """Asks it to wait for a minute; whatever has not ended by then, output null, is polled.

    A model's inputs, price and times are its own: unknown unless configured.
    """

    versions = ("/v1",)
    models_path = "account"
    waits = True

    def __init__(self, name: str, settings: ReplicateSettings) -> None:
        super().__init__(name, settings)
        if not is_model(settings.model):
            said = f"`model` is {settings.model!r}"
            raise ValueError(f"provider {name!r}: {said}; give owner/name, or the id of a version")

    def capabilities(self) -> Capabilities:
        """Tell what the models have in common."""
        return self._capabilities

    def encode(self, request: ImageRequest) -> Call:
        """Ask by shape."""
        settings = self.settings
        return call(request, model=settings.model, field=settings.references_as, many=settings.max_references > 1)

    def accepted(self, reply: Reply) -> Job:
        """Take the URLs as they are given."""
        urls = reply.json["urls"]
        return Job(id=reply.json["id"], poll=urls["get"], cancel=urls.get("cancel"))

    def progress(self, reply: Reply) -> Progress:
        """Read its status, in the answer to the submission and in each poll."""
        return state(reply, who=self.name)

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the output: a URL, or a list of them."""
        return outputs(reply)

    @cached_property
    def _capabilities(self) -> Capabilities:
        return Capabilities(
            resolutions={"1K"},
            aspect_ratios=ASPECT_RATIOS,
            references=self.settings.max_references if self.settings.references_as else 0,
            output_formats={"png", "jpeg", "webp"},
            max_images=4 if self.settings.model.startswith(MANY) else 1,
        )
