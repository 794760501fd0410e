"""An aggregator of tasks, as configured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from attrs import evolve, frozen

from pixroute import Billing, Capabilities, Failure, ImageRequest, Size, Stage
from pixroute.dialects import openai_images
from pixroute.dialects.openai_sizes import LARGEST_PIXELS, free_size
from pixroute.dialects.references import data_uri_of
from pixroute.http import (
    Call,
    Finished,
    Item,
    Job,
    JobProvider,
    JobSettings,
    Progress,
    Queued,
    Reply,
    Running,
    failure_from,
)
from pixroute_image_tasks.spelling import DONE, FAILED, PRESETS, QUEUED, Spelling, at, pictures_in

_ANY = Capabilities(resolutions={"1K", "2K"}, exact_pixels=(1, LARGEST_PIXELS))
_RATIOS = Capabilities(
    resolutions={"1K", "2K", "4K"},
    aspect_ratios={"1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "5:4", "4:5", "21:9"},
)


@frozen(kw_only=True)
class ImageTasksSettings(JobSettings):
    """Settings of an aggregator of tasks; what is said here stands in place of the preset's.

    Args:
        base_url: up to and including the version, `https://HOST/v1`.
        model: as the aggregator calls it; its sizes are not known here: "pixels" are free up to 3840x2160.
        preset: "sub2api", or "evolink" and "apimart", which are read of second hand.
        submit: where a task is submitted, below the base URL.
        id: where the answer names the task, as names joined by dots: `data.0.task_id`.
        poll: where it is asked for; `{id}` stands for its id.
        state: where a poll tells the state.
        done: words of a state that ends well, beside the usual ones.
        failed: words of a state that ends in vain, beside the usual ones.
        result: where a poll tells the pictures.
        error: where a poll tells what went wrong.
    """

    model: str = "gpt-image-2"
    preset: Literal["sub2api", "evolink", "apimart"] = "sub2api"
    submit: str = ""
    id: str = ""
    poll: str = ""
    state: str = ""
    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    result: str = ""
    error: str = ""


class ImageTasks(JobProvider[ImageTasksSettings]):
    """Submits a task in OpenAI's fields and asks for it; one picture a task."""

    versions = ("/v1",)
    models_path = "models"

    def __init__(self, name: str, settings: ImageTasksSettings) -> None:
        super().__init__(name, settings)
        own = ("submit", "id", "poll", "state", "result", "error")
        said: dict[str, Any] = {one: text for one in own if (text := getattr(settings, one))}
        self._spelling: Spelling = evolve(PRESETS[settings.preset], **said)
        self._done = DONE | {word.lower() for word in settings.done}
        self._failed = FAILED | {word.lower() for word in settings.failed}
        takes = bool(self._spelling.edits or self._spelling.references)
        can = _RATIOS if self._spelling.sizes == "ratio" else _ANY
        self._capabilities = evolve(
            can, references=5 if takes else 0, mask_formats={"png"} if self._spelling.edits else ()
        )

    def capabilities(self) -> Capabilities:
        """Tell what the spelling can say."""
        return self._capabilities

    def encode(self, request: ImageRequest) -> Call:
        """Submit it: with references as a form of OpenAI's, or as data URIs beside the prompt."""
        spelling, size = self._spelling, request.size or Size("1K")
        fields: dict[str, Any] = {"size": free_size(size)}
        if spelling.sizes == "ratio":
            fields = {"size": "{}:{}".format(*size.aspect_ratio or (1, 1)), "resolution": size.resolution}
        if request.references and spelling.edits:
            return evolve(openai_images.call(request, model=self.settings.model, n=1, **fields), path=spelling.edits)
        body = {"model": self.settings.model, "prompt": request.prompt, "n": 1, **fields}
        if request.references:
            body[spelling.references] = [data_uri_of(reference) for reference in request.references]
        return Call.post(spelling.submit, json=body)

    def accepted(self, reply: Reply) -> Job:
        """Read the task's id."""
        task = at(reply.json, self._spelling.id)
        if not task or not isinstance(task, str | int):
            raise ValueError("the task has no id")
        return Job(id=str(task), poll=self._spelling.poll.replace("{id}", str(task)))

    def progress(self, reply: Reply) -> Progress:
        """Read the state; a word that is not known is taken for work under way."""
        word = at(reply.json, self._spelling.state).lower()
        if word in self._failed:
            return self._judged(reply)
        if word in self._done:
            return Finished()
        return Queued() if word in QUEUED else Running()

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the pictures of the result."""
        return list(pictures_in(at(reply.json, self._spelling.result)))

    def _judged(self, reply: Reply) -> Failure:
        """Judge a task that failed by its error's words."""
        try:
            error = at(reply.json, self._spelling.error)
        except (LookupError, TypeError):
            error = None
        said = error or {"message": "The task failed."}
        failure = failure_from(evolve(reply, json={"error": said}), stage=Stage.WAIT, who=self.name)
        return evolve(failure, billing=Billing.FREE if self._spelling.refunds else Billing.AMBIGUOUS)
