"""Black Forest Labs' API."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from pixroute import Capabilities, ImageRequest
from pixroute.http import Auth, Call, Details, Item, Job, JobProvider, JobSettings, Progress, Reply
from pixroute_bfl.models import CAPABILITIES, price_of
from pixroute_bfl.wire import accepted, call, state


@frozen(kw_only=True)
class BflSettings(JobSettings):
    """Settings of Black Forest Labs.

    Args:
        base_url: up to and including the version; `https://api.eu.bfl.ai/v1` and `https://api.us.bfl.ai/v1` keep the
            work in their region.
        model: as `flux-2-pro`, `flux-2-max`, `flux-2-flex`, `flux-2-klein-4b`.
    """

    base_url: str = "https://api.bfl.ai/v1"
    model: str = "flux-2-pro"


class Bfl(JobProvider[BflSettings]):
    """Asks in exact pixels and polls the URL that it is given, on a host of the maker's own."""

    auth = Auth("x-key", "{key}")
    versions = ("/v1",)
    models_path = "credits"
    job_hosts = ("*.bfl.ai",)

    def __init__(self, name: str, settings: BflSettings) -> None:
        super().__init__(name, settings)
        self.price = price_of(settings.model)

    def capabilities(self) -> Capabilities:
        """Tell what FLUX.2 makes."""
        return CAPABILITIES

    def encode(self, request: ImageRequest) -> Call:
        """Ask in sides, and with up to ten reference pictures."""
        return call(request, model=self.settings.model)

    def accepted(self, reply: Reply) -> Job:
        """Take the polling URL and the cost."""
        return accepted(reply)

    def progress(self, reply: Reply) -> Progress:
        """Read the status: moderation is one."""
        return state(reply, who=self.name)

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the URL, which lasts ten minutes."""
        return [reply.json["result"]["sample"]]

    def details(self, reply: Reply) -> Details:
        """Give the prompt as it was rewritten, where it was."""
        prompt = reply.json["result"].get("prompt")
        return Details(revised_prompts=(prompt if isinstance(prompt, str) else None,))
