"""What a caller gets: the pictures and the truth about how they came, without the record, so that it can be kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from pixroute.cost import Cost
from pixroute.result import Image, ImageResult


@frozen(kw_only=True)
class GatewayAnswer:
    """A result of the router as it is told; `adjustments` and `missing` are plain JSON."""

    images: tuple[Image, ...]
    cost: Cost
    request_id: str
    fell_back: bool = False
    adjustments: tuple[str, ...] = ()
    missing: tuple[Mapping[str, Any], ...] = ()
    usage: Mapping[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, result: ImageResult) -> GatewayAnswer:
        """Take what is told of a result."""
        return cls(
            images=result.images,
            cost=result.cost,
            request_id=result.record.request_id,
            fell_back=result.fell_back,
            adjustments=tuple(map(str, result.adjustments)),
            missing=tuple(
                {"part": one.part, "kind": one.failure.kind.value, "message": one.failure.message}
                for one in result.missing
            ),
            usage=result.usage,
        )

    @property
    def image(self) -> Image:
        """The first picture."""
        return self.images[0]

    @property
    def size(self) -> int:
        """Bytes of all pictures."""
        return sum(image.content.size for image in self.images)
