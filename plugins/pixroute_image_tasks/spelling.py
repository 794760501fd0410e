"""How aggregators spell a task: where its id, state, pictures and error stand, and the words of its states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attrs import frozen

from pixroute.http import Blob, Item

QUEUED = frozenset({"pending", "submitted", "queued", "in_queue", "not_start", "not_started", "waiting", "created"})
DONE = frozenset({"completed", "complete", "succeeded", "succeed", "success", "finished", "done"})
FAILED = frozenset({"failed", "fail", "failure", "error", "cancelled", "canceled", "expired", "rejected"})
_HOLDERS = ("url", "urls", "b64_json", "image_url", "data", "images", "results")


@frozen(kw_only=True)
class Spelling:
    """Places are names joined by dots, `data.0.task_id`.

    Args:
        submit: where a task is submitted, below the base URL.
        edits: where one with references is submitted, as a form of OpenAI's; empty: it takes none so.
        references: the field of data URIs beside the prompt; empty: it takes none so.
        id: where the answer names the task.
        poll: where it is asked for; `{id}` stands for its id.
        state: where a poll tells the state.
        result: where a poll tells the pictures.
        error: where a poll tells what went wrong, an object or text.
        sizes: "pixels" for `size: "1024x1024"`, "ratio" for `size: "16:9"` and `resolution: "2K"`.
        refunds: whether a task that failed is not billed, by the aggregator's word.
    """

    submit: str
    edits: str = ""
    references: str = ""
    id: str = "id"
    poll: str = "tasks/{id}"
    state: str = "status"
    result: str = "results"
    error: str = "error"
    sizes: Literal["pixels", "ratio"] = "pixels"
    refunds: bool = False


PRESETS: Mapping[str, Spelling] = {
    "sub2api": Spelling(
        submit="images/generations/async",
        edits="images/edits/async",
        id="task_id",
        poll="images/tasks/{id}",
        result="result",
    ),
    "evolink": Spelling(submit="images/generations"),
    "apimart": Spelling(
        submit="images/generations",
        references="image_urls",
        id="data.0.task_id",
        state="data.status",
        result="data.result",
        error="data.error",
        sizes="ratio",
        refunds=True,
    ),
}
"""sub2api: its own document, 2026; evolink and apimart: their pages as read by others, November 2026."""


def at(document: Any, place: str) -> Any:
    """Give what stands at a place.

    Raises:
        LookupError: nothing does.
        TypeError: the document is none of objects and lists.
    """
    for name in place.split("."):
        document = document[int(name)] if isinstance(document, list) and name.isdigit() else document[name]
    return document


def pictures_in(found: Any) -> Iterator[Item]:
    """Give every picture of a result: a URL or base64 as it is, in a list, or in an object under a usual name."""
    if isinstance(found, str | Blob):
        yield found
    elif isinstance(found, list):
        for one in found:
            yield from pictures_in(one)
    elif isinstance(found, Mapping):
        yield from pictures_in(next((found[name] for name in _HOLDERS if found.get(name)), None))
