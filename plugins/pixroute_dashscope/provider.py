"""Alibaba Cloud's DashScope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from attrs import Factory, evolve, frozen

from pixroute import Billing, Capabilities, Failure, FailureKind, HttpProvider, ImageRequest, Stage
from pixroute.http import (
    Call,
    Details,
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
from pixroute_dashscope.models import model_of
from pixroute_dashscope.wire import by_messages, by_task, pictures_in

HOSTS: Mapping[str, str] = {"intl": "dashscope-intl", "us": "dashscope-us", "cn": "dashscope"}
STATES: Mapping[str, Progress] = {"PENDING": Queued(), "RUNNING": Running(), "SUCCEEDED": Finished()}
"""Words of a task's state; second hand. FAILED, CANCELED and UNKNOWN end it."""


def _base_url(settings: DashScopeSettings) -> str:
    return f"https://{HOSTS.get(str(settings.region), HOSTS['intl'])}.aliyuncs.com/api/v1"


@frozen(kw_only=True)
class DashScopeSettings(JobSettings):
    """Settings of DashScope.

    Args:
        region: "intl" (Singapore), "us" (Virginia) or "cn" (Beijing); each takes its own keys alone.
        base_url: up to and including the version; by default as `region` says. A workspace's own host:
            `https://WORKSPACE.ap-southeast-1.maas.aliyuncs.com/api/v1`.
        model: of Qwen-Image or Wan.
        api: "sync" asks and waits, "async" submits a task; "auto": as the model wants it.
    """

    region: Literal["intl", "us", "cn"] = "intl"
    base_url: str = Factory(_base_url, takes_self=True)
    model: str = "qwen-image-2.0"
    api: Literal["auto", "sync", "async"] = "auto"


class DashScope(HttpProvider[DashScopeSettings]):
    """What both ways have in common: the models, and errors that come under 200 as well."""

    versions = ("/api/v1",)

    def __init__(self, name: str, settings: DashScopeSettings) -> None:
        super().__init__(name, settings)
        self._model = model_of(settings.model)
        self.price, self.latency = self._model.price, self._model.latency

    def capabilities(self) -> Capabilities:
        """Tell what the model makes."""
        return self._model.capabilities

    def encode(self, request: ImageRequest) -> Call:
        """Ask by one message."""
        return by_messages(request, name=self.settings.model, model=self._model)

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the URLs; a task's result may be an error in its place."""
        found = pictures_in(reply.json["output"])
        return [_failed(reply, one, self.name) if isinstance(one, Mapping) else one for one in found]

    def classify(self, reply: Reply) -> Failure | None:
        """Find an error by its code, whatever the status."""
        code = reply.json.get("code") if isinstance(reply.json, Mapping) else None
        return _failed(reply, reply.json, self.name) if isinstance(code, str) and code else None

    def details(self, reply: Reply) -> Details:
        """Give the usage: sides, or how many pictures."""
        usage = reply.json.get("usage")
        return Details(usage=usage if isinstance(usage, dict) else None)


class Tasks(JobProvider[DashScopeSettings], DashScope):
    """Submits a task and asks for it; a result's URL lives for 24 hours."""

    def encode(self, request: ImageRequest) -> Call:
        """Submit it."""
        return by_task(request, name=self.settings.model, model=self._model)

    def accepted(self, reply: Reply) -> Job:
        """Read the task's id."""
        task = str(reply.json["output"]["task_id"])
        return Job(id=task, poll=f"tasks/{task}")

    def progress(self, reply: Reply) -> Progress:
        """Read the task's state."""
        output = reply.json["output"]
        state = output["task_status"]
        if state in STATES:
            return STATES[state]
        said = output if output.get("code") else {"code": state, "message": f"The task is {state}."}
        return evolve(_failed(reply, said, self.name), stage=Stage.WAIT)


def create(name: str, settings: DashScopeSettings) -> DashScope:
    """Give the provider that asks as `api` says."""
    is_async = model_of(settings.model).is_async if settings.api == "auto" else settings.api == "async"
    return (Tasks if is_async else DashScope)(name, settings)


def _failed(reply: Reply, error: Mapping[str, Any], who: str) -> Failure:
    """Judge an error; nobody says whether a declined prompt is billed."""
    said = {"code": error.get("code"), "message": error.get("message")}
    failure = failure_from(evolve(reply, json={"error": said}), stage=Stage.BODY, who=who)
    declined = failure.kind is FailureKind.MODERATED
    return evolve(failure, billing=Billing.AMBIGUOUS) if declined else failure
