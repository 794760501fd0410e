"""Provider type `flux`: Black Forest Labs, as a stranger would write it: a job, whose moderation is a status."""

from attrs import frozen

from pixroute import Billing, Capabilities, ImageRequest, ProviderSpec, hookimpl
from pixroute.dialects.references import base64_of
from pixroute.http import Auth, Call, Finished, Job, JobProvider, JobSettings, Progress, Queued, Reply, declined

STATES: dict[str, Progress] = {"Pending": Queued(), "Ready": Finished()}


@frozen(kw_only=True)
class FluxSettings(JobSettings):
    base_url: str = "https://api.bfl.ai/v1"
    model: str = "flux-2-pro"


class Flux(JobProvider[FluxSettings]):
    auth = Auth("x-key", "{key}")
    job_hosts = ("*.bfl.ai",)

    def capabilities(self) -> Capabilities:
        return Capabilities(resolutions={"1K", "2K"}, exact_pixels=(4096, 4_194_304), multiple_of=16, references=10)

    def encode(self, request: ImageRequest) -> Call:
        assert request.size  # the router fills in the smallest class where the caller named none
        width, height = request.size.nominal()
        fields = {"prompt": request.prompt, "width": width, "height": height}
        for number, reference in enumerate(request.references, 1):
            fields["input_image" if number == 1 else f"input_image_{number}"] = base64_of(reference)
        return Call.post(self.settings.model, json=fields)

    def accepted(self, reply: Reply) -> Job:
        cents = reply.json.get("cost")
        return Job(id=reply.json["id"], poll=reply.json["polling_url"], cost=cents and str(cents / 100))

    def progress(self, reply: Reply) -> Progress:
        status = reply.json["status"]
        if status.endswith("Moderated"):
            return declined(status, reply, who=self.name, billing=Billing.AMBIGUOUS)
        return STATES[status]  # a KeyError leaves it to be judged by its words

    def decode(self, reply: Reply) -> list[str]:
        return [reply.json["result"]["sample"]]


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    return [ProviderSpec(name="flux", create=Flux, settings=FluxSettings, summary="Black Forest Labs")]
