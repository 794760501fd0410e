"""Provider type `stable`: Stability AI, as a stranger would write it: a form in, the bytes of the picture out."""

from attrs import frozen

from pixroute import Billing, Capabilities, Failure, HttpProvider, HttpSettings, ImageRequest, ProviderSpec, hookimpl
from pixroute.http import Call, Part, Picture, Reply, declined


@frozen(kw_only=True)
class StableSettings(HttpSettings):
    base_url: str = "https://api.stability.ai/v2beta"
    model: str = "core"


class Stable(HttpProvider[StableSettings]):
    def capabilities(self) -> Capabilities:
        return Capabilities(resolutions={"1K"}, aspect_ratios={"1:1", "16:9", "9:16", "3:2", "2:3"})

    def encode(self, request: ImageRequest) -> Call:
        form = [Part(name="prompt", value=request.prompt)]
        if request.size and request.size.aspect_ratio:
            form.append(Part(name="aspect_ratio", value="{}:{}".format(*request.size.aspect_ratio)))
        path = f"stable-image/generate/{self.settings.model}"
        return Call.post(path, form=tuple(form), headers={"Accept": "image/*"})

    def decode(self, reply: Reply) -> list[Picture]:
        return [reply.json["image"]]  # of JSON; a body that is the picture is taken without asking

    def classify(self, reply: Reply) -> Failure | None:
        """The picture comes blurred, and a header says so."""
        filtered = reply.ok and reply.headers.get("finish-reason") == "CONTENT_FILTERED"
        return declined("CONTENT_FILTERED", reply, who=self.name, billing=Billing.AMBIGUOUS) if filtered else None


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    return [ProviderSpec(name="stable", create=Stable, settings=StableSettings, summary="Stability AI")]
