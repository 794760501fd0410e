"""OpenRouter's `POST /v1/images`: JSON in, `data` with media types out, and in `usage.cost` what it cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from pixroute.request import Reference
from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.asked import Desk, GatewayRequest
from pixroute.serve.dialects.dialect import Links, StreamEvent, truth, usage_of
from pixroute.serve.document import Document
from pixroute.serve.pictures_in import FIELDS, masks_in, pictures_in
from pixroute.serve.problem import GatewayProblem

_OURS = frozenset([*FIELDS, "mask"])


@frozen(kw_only=True)
class OpenRouterDialect:
    """The dialect; its errors have a number for a code."""

    sign: bytes = b": OPENROUTER PROCESSING\n\n"

    def pictures(self, fields: Mapping[str, Any]) -> list[Reference | str]:
        """Find them under `input_references`, or any other name in use."""
        return pictures_in(fields)

    def masks(self, fields: Mapping[str, Any]) -> list[Reference | str]:
        """Find one under `mask`."""
        return masks_in(fields)

    def read(self, fields: Mapping[str, Any], references: tuple[Reference, ...], desk: Desk) -> GatewayRequest:
        """Read a body."""
        return desk.take(fields, references=references, known=_OURS)

    def answer(self, result: GatewayAnswer, asked: GatewayRequest, links: Links) -> Document:
        """Write the pictures and what they cost."""
        document = Document()
        items = [
            {"media_type": one.media_type}
            | ({"url": links[one]} if one in links else {"b64_json": document.picture(one.content)})
            for one in result.images
        ]
        told = {"usage": usage_of(result), "pixroute": truth(result, asked)}
        return document.of({"created": int(time.time()), "data": items, **told})

    def problem(self, problem: GatewayProblem) -> dict[str, Any]:
        """Write its envelope."""
        told = problem.envelope()["error"]
        metadata = {name: value for name, value in told.items() if name not in {"message", "code"}}
        return {"error": {"code": problem.status, "message": problem.message, "metadata": metadata}}

    def progress(self, _told: Mapping[str, Any]) -> StreamEvent | None:
        """Tell nothing."""
        return None

    def completed(self, result: GatewayAnswer, asked: GatewayRequest, links: Links) -> Iterator[StreamEvent]:
        """Tell all in one event."""
        yield StreamEvent(document=self.answer(result, asked, links))
        yield StreamEvent(document=Document.raw("[DONE]"))

    def failed(self, problem: GatewayProblem) -> Iterator[StreamEvent]:
        """Tell the error."""
        yield StreamEvent(document=Document().of(self.problem(problem)))
