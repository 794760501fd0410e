"""A 2xx that holds a task's id in place of a picture: the gateway is asynchronous, and nobody polls it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from pixroute.http.call import Reply
from pixroute.http.judging.answered import answered
from pixroute.http.judging.envelope import carries_error
from pixroute.outcome import Failure, FailureKind
from pixroute.redact import quote

_DEEPEST = 4
_MOST = 32  # objects that are looked at
_LONGEST = 200  # characters of an id
_ACCEPTED = 202
_IDS = ("taskid", "jobid", "predictionid", "generationid", "operationid", "taskuuid", "requestid", "id", "name")
_TASK_IDS = frozenset(_IDS[:6])
"""These need no state beside them."""
_STATES = ("status", "state", "taskstatus", "jobstatus", "taskstate")
_PENDING = frozenset(
    {
        "accepted", "created", "generating", "inprogress", "inqueue", "notstart", "notstarted", "pending", "preparing",
        "processing", "queued", "queueing", "received", "running", "scheduled", "started", "starting", "submitted",
        "waiting",
    }
)  # fmt: skip
_FAILED = frozenset({"failed", "fail", "failure", "error", "cancelled", "canceled", "rejected", "expired", "blocked"})
_PLACES = frozenset({"pollingurl", "pollurl", "statusurl", "fetchresult"})
"""Where to ask for it: BFL, fal, ModelsLab."""


def asynchronous(reply: Reply, *, who: str) -> Failure | None:
    """Tell of a task that was taken where a picture was due; None: the answer is something else."""
    task = task_in(reply) if reply.ok else None
    if task is None:
        return None
    named = quote(task, limit=_LONGEST)
    message = f"{who} answered with a task id ({named}): this gateway is asynchronous; use a provider type that polls."
    advice = "The picture may be made and billed: ask the provider for it by this id."
    return answered(reply, FailureKind.PROTOCOL, message, advice, task=task)


def task_in(reply: Reply) -> str | None:
    """Find the id of a task under way in an answer that holds no picture and tells no error."""
    layers = [_plainly(layer) for layer in islice(_layers(reply.json), _MOST)]
    if carries_error(reply.json) or any(map(_fails, layers)):
        return None
    pending = reply.status == _ACCEPTED or any(map(_pends, layers))
    for name in _IDS:
        if not pending and name not in _TASK_IDS:
            continue
        for layer in layers:
            if (name != "name" or "done" in layer) and (task := _text(layer.get(name))):
                return task
    return next((url for layer in layers for name in _PLACES if (url := _text(layer.get(name)))), None)


def _pends(layer: Mapping[str, Any]) -> bool:
    return (
        any(_word(layer.get(name)) in _PENDING for name in _STATES)
        or any(isinstance(layer.get(name), str) for name in _PLACES)
        or layer.get("done") is False  # Google's operations
    )


def _fails(layer: Mapping[str, Any]) -> bool:
    return (
        bool(layer.get("error") or layer.get("errors"))
        or layer.get("success") is False
        or any(_word(layer.get(name)) in _FAILED for name in _STATES)
    )


def _plainly(layer: Mapping[Any, Any]) -> dict[str, Any]:
    """Give an object whose names are in one spelling: `task_id`, `taskId` and `taskID` are the same."""
    return {_word(name): value for name, value in layer.items() if isinstance(name, str)}


def _word(value: Any) -> str:
    return value[:_LONGEST].lower().replace("_", "").replace("-", "").replace(" ", "") if isinstance(value, str) else ""


def _text(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**20:
        return str(value)
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable() else None


def _layers(document: Any, depth: int = 0) -> Iterator[Mapping[Any, Any]]:
    """Give the objects of a document, the outer before the inner."""
    if depth >= _DEEPEST:
        return
    if isinstance(document, Mapping):
        yield document
    inner = document.values() if isinstance(document, Mapping) else document if isinstance(document, list) else ()
    for value in inner:
        if isinstance(value, Mapping | list):
            yield from _layers(value, depth + 1)
