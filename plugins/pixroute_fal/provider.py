"""fal's queue."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from pixroute import Capabilities, Failure, ImageRequest
from pixroute.http import Auth, Call, Finished, Item, Job, JobProvider, JobSettings, Progress, Queued, Reply, Running
from pixroute_fal.models import model_of
from pixroute_fal.wire import call, judged, pictures, told

SYNCHRONOUS = (
    "https://fal.run holds a call open until the picture is made, and is not read as a queue: say "
    'base_url = "https://queue.fal.run"'
)


@frozen(kw_only=True)
class FalSettings(JobSettings):
    """Settings of fal.

    Args:
        base_url: the queue; a model's path follows it.
        model: an app, as `fal-ai/flux/dev`; with reference pictures one that edits, as `fal-ai/nano-banana-pro/edit`.
    """

    base_url: str = "https://queue.fal.run"
    model: str = "fal-ai/flux/dev"


class Fal(JobProvider[FalSettings]):
    """Submits, polls and collects by the URLs that fal gives."""

    auth = Auth("Authorization", "Key {key}")
    versions = ("",)
    job_hosts = ("queue.fal.run",)

    def __init__(self, name: str, settings: FalSettings) -> None:
        super().__init__(name, settings)
        if self.endpoint.origin.endswith("//fal.run:443"):
            self.recommendation = SYNCHRONOUS
        self._model = model_of(settings.model)
        self.price = self._model.price

    def capabilities(self) -> Capabilities:
        """Tell what is known of the model, by its name."""
        return self._model.capabilities

    def encode(self, request: ImageRequest) -> Call:
        """Ask in sides, or by class and shape where the model's maker does."""
        return call(request, app=self.settings.model, words=self._model.words)

    def accepted(self, reply: Reply) -> Job:
        """Take the URLs as they are given: a model's path is longer than that of its jobs."""
        return Job(
            id=reply.json["request_id"],
            poll=reply.json["status_url"],
            result=reply.json["response_url"],
            cancel=reply.json["cancel_url"],
            cancel_method="PUT",
        )

    def progress(self, reply: Reply) -> Progress:
        """Read a poll: 202 while it waits or runs, 200 once it is over, well or not."""
        if reply.json.get("error") or reply.json.get("error_type"):
            return told(reply, who=self.name)
        states: dict[str, Progress] = {"IN_QUEUE": Queued(), "IN_PROGRESS": Running(), "COMPLETED": Finished()}
        return states[reply.json["status"]]

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give each picture, but those that are flagged: they come blackened."""
        return pictures(reply, who=self.name)

    def classify(self, reply: Reply) -> Failure | None:
        """Find flagged results, and tell fal's three 504s apart."""
        return judged(reply, who=self.name)
