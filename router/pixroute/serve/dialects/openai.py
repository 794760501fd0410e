"""OpenAI's images API: `/v1/images/generations` and `/v1/images/edits`, plain and as a stream."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from pixroute.request import Reference
from pixroute.result import Image
from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.asked import Desk, GatewayRequest
from pixroute.serve.dialects.dialect import Links, StreamEvent, truth
from pixroute.serve.document import Document
from pixroute.serve.pictures_in import FIELDS, masks_in, pictures_in
from pixroute.serve.problem import GatewayProblem, bad

_OURS = frozenset([*FIELDS, "mask"])


@frozen(kw_only=True)
class OpenAIDialect:
    """The dialect; `word` begins the names of its stream's events, `edits` wants a reference picture."""

    word: str = "image_generation"
    edits: bool = False
    sign: bytes = b": keepalive\n\n"

    def pictures(self, fields: Mapping[str, Any]) -> list[Reference | str]:
        """Find them under any of the names in use."""
        return pictures_in(fields)

    def masks(self, fields: Mapping[str, Any]) -> list[Reference | str]:
        """Find one under `mask`."""
        return masks_in(fields)

    def read(self, fields: Mapping[str, Any], references: tuple[Reference, ...], desk: Desk) -> GatewayRequest:
        """Read a body."""
        if self.edits and not references:
            raise bad("an edit needs a picture: as the file `image`, or in JSON as `images`", "image")
        return desk.take(fields, references=references, known=_OURS)

    def answer(self, result: GatewayAnswer, asked: GatewayRequest, links: Links) -> Document:
        """Write `{"created", "data": [{"b64_json"}]}` and what newer models tell beside it."""
        document = Document()
        items = [_item(image, document, links) for image in result.images]
        return document.of({"created": int(time.time()), "data": items, **_told(result, asked)})

    def problem(self, problem: GatewayProblem) -> dict[str, Any]:
        """Write the envelope."""
        return problem.envelope()

    def progress(self, told: Mapping[str, Any]) -> StreamEvent | None:
        """Tell an attempt, in an event of our own: both SDKs hand on what they do not know."""
        event = {"type": f"pixroute.{told['what']}", **told}
        return StreamEvent(name=event["type"], document=Document().of(event))

    def completed(self, result: GatewayAnswer, asked: GatewayRequest, links: Links) -> Iterator[StreamEvent]:
        """Tell every picture in an event of its own."""
        name = f"{self.word}.completed"
        for image in result.images:
            document = Document()
            item = _item(image, document, links)
            event = {"type": name, "created_at": int(time.time()), **item, **_told(result, asked)}
            yield StreamEvent(name=name, document=document.of(event))

    def failed(self, problem: GatewayProblem) -> Iterator[StreamEvent]:
        """Tell the error in the one form that both SDKs raise."""
        yield StreamEvent(name="error", document=Document().of(problem.envelope()))


def _item(image: Image, document: Document, links: Links) -> dict[str, Any]:
    held = {"url": links[image]} if image in links else {"b64_json": document.picture(image.content)}
    return held | ({"revised_prompt": image.revised_prompt} if image.revised_prompt else {})


def _told(result: GatewayAnswer, asked: GatewayRequest) -> dict[str, Any]:
    first = result.image
    return {
        "output_format": first.format,
        "size": f"{first.width}x{first.height}",
        "quality": "auto",
        "background": "auto",
        **({"usage": usage} if (usage := _usage(result.usage)) else {}),
        "pixroute": truth(result, asked),
    }


def _usage(usage: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Give a provider's usage where it has the numbers of OpenAI's: clients check their types."""
    names = ("input_tokens", "output_tokens", "total_tokens")
    if usage is None or not all(isinstance(usage.get(name), int) for name in names):
        return None
    details = usage.get("input_tokens_details")
    counted = details if isinstance(details, Mapping) else {}
    return {
        **{name: usage[name] for name in names},
        "input_tokens_details": {
            name: counted[name] if isinstance(counted.get(name), int) else 0 for name in ("text_tokens", "image_tokens")
        },
    }
