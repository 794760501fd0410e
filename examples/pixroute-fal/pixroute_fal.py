"""Provider type `fal`: image models behind fal's queue, which takes a job and is asked until it is done."""

from attrs import evolve, frozen

from pixroute import Capabilities, Failure, HttpSettings, ImageRequest, ProviderSpec, Stage, hookimpl
from pixroute.http import Auth, Call, Finished, Job, JobProvider, Picture, Progress, Queued, Reply, Running
from pixroute.http.judging.envelope import failure_from


@frozen(kw_only=True)
class FalSettings(HttpSettings):
    base_url: str = "https://queue.fal.run"
    model: str = "fal-ai/flux/dev"


class Fal(JobProvider[FalSettings]):
    auth = Auth("Authorization", "Key {key}")

    def capabilities(self) -> Capabilities:
        return Capabilities(resolutions={"1K"}, max_images=4)

    def encode(self, request: ImageRequest) -> Call:
        assert request.size  # the router fills in the smallest class where the caller named none
        width, height = request.size.nominal()
        fields = {"prompt": request.prompt, "image_size": {"width": width, "height": height}, "num_images": request.n}
        return Call.post(self.settings.model, json=fields)

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
        if reply.json.get("error"):
            return _failed(reply)
        states: dict[str, Progress] = {"IN_QUEUE": Queued(), "IN_PROGRESS": Running(), "COMPLETED": Finished()}
        return states[reply.json["status"]]

    def decode(self, reply: Reply) -> list[Picture]:
        return [image["url"] for image in reply.json["images"]]


def _failed(reply: Reply) -> Failure:
    """Judge a job that was completed with an error, by its `error_type` and its words."""
    error = {"type": reply.json.get("error_type"), "message": reply.json["error"]}
    return failure_from(evolve(reply, json={"error": error}), stage=Stage.WAIT, who="fal")


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    return [ProviderSpec(name="fal", create=Fal, settings=FalSettings, summary="fal's queue")]
