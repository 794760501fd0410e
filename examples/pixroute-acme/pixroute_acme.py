"""Provider type `acme`: Acme images."""

from attrs import frozen

from pixroute import Capabilities, Failure, FailureKind, HttpProvider, ImageRequest, ProviderSpec, hookimpl
from pixroute.http import Auth, Call, HttpSettings, Picture, Reply


@frozen(kw_only=True)
class AcmeSettings(HttpSettings):
    base_url: str = "https://api.acme.example/v1"
    model: str = "acme-1"


class Acme(HttpProvider[AcmeSettings]):
    auth = Auth("X-Acme-Key", "{key}")

    def capabilities(self) -> Capabilities:
        return Capabilities(resolutions={"1K", "2K"}, aspect_ratios={"1:1", "16:9", "9:16"})

    def encode(self, request: ImageRequest) -> Call:
        assert request.size  # the router fills in the smallest class where the caller named none
        canvas = list(request.size.nominal())
        return Call.post("draw", json={"engine": self.settings.model, "text": request.prompt, "canvas": canvas})

    def decode(self, reply: Reply) -> list[Picture]:
        return [drawing["png"] for drawing in reply.json["drawings"]]

    def classify(self, reply: Reply) -> Failure | None:
        """Acme declines a prompt by a 200 with a reason."""
        if reply.ok and "declined" in reply.json:
            return Failure(kind=FailureKind.MODERATED, message="Acme declined the content.")
        return None


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    return [ProviderSpec(name="acme", create=Acme, settings=AcmeSettings, summary="Acme images")]
