"""What a caller gets: pictures, what was adjusted, what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen

from pixroute.cost import Cost
from pixroute.outcome import Failure
from pixroute.values import named_file

if TYPE_CHECKING:
    from pixroute.content import Content
    from pixroute.routing.record import AttemptRecord, Record

Format = Literal["png", "jpeg", "webp", "gif"]
SUFFIXES: Mapping[Format, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "gif": ".gif"}


@frozen
class Adjustment:
    """Something delivered otherwise than asked: which part of the request, what was asked, what was done, why."""

    what: str
    asked: str
    delivered: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.what}: asked {self.asked}, delivered {self.delivered}{f' ({self.why})' if self.why else ''}"


@frozen(kw_only=True)
class Image:
    """One valid picture, held in memory or in the file given by `into=`."""

    content: Content = field(repr=False)
    format: Format
    width: int
    height: int
    provider: str
    model: str | None = None
    cost: Cost = field(factory=Cost)
    revised_prompt: str | None = None
    path: Path | None = None

    @property
    def data(self) -> bytes:
        """The encoded bytes; read back from the file for a picture delivered by `into=`."""
        return self.content.data()

    @property
    def media_type(self) -> str:
        """The media type that is true, such as `image/png`."""
        return f"image/{self.format}"

    async def save(self, path: str | PathLike[str]) -> Path:
        """Write the picture in a thread, under the suffix that is true, and return where.

        `save("lighthouse")` and `save("lighthouse.png")` both write `lighthouse.jpg` if it is a JPEG. An existing
        file is replaced at once or not at all.

        Raises:
            ValueError: `path` names no file.
            OSError: it cannot be written.
        """
        from pixroute.content import write_beside  # noqa: PLC0415 - values import no I/O; saving does

        target = true_name(named_file(path, "path"), self.format)
        await write_beside(target, self.content)
        return target


def true_name(path: Path, format_: Format) -> Path:
    """Give the path the suffix that is true, in place of another picture suffix."""
    base = path.with_suffix("") if path.suffix.lower() in {*SUFFIXES.values(), ".jpeg"} else path
    return base.with_name(base.name + SUFFIXES[format_])


@frozen(kw_only=True)
class Missing:
    """One of n pictures that did not come: which part, from 0, and why."""

    part: int
    failure: Failure


@frozen(kw_only=True)
class ImageResult:
    """The pictures of a request and the truth about how they came.

    `images` in the order of the parts; `extra` holds pictures that were paid for beside the winner; `missing` the
    parts that brought none. `provider` and `model` are the first image's; every image carries its own.
    """

    images: tuple[Image, ...]
    cost: Cost
    record: Record = field(repr=False)
    adjustments: tuple[Adjustment, ...] = ()
    missing: tuple[Missing, ...] = ()
    extra: tuple[Image, ...] = ()
    usage: Mapping[str, Any] | None = None
    tags: Mapping[str, str] = field(factory=dict)
    fell_back: bool = False

    @property
    def image(self) -> Image:
        """The first picture."""
        return self.images[0]

    @property
    def provider(self) -> str:
        """Who made the first picture."""
        return self.image.provider

    @property
    def model(self) -> str | None:
        """What made the first picture."""
        return self.image.model

    @property
    def revised_prompt(self) -> str | None:
        """The prompt as the provider rewrote it, where it says so."""
        return self.image.revised_prompt

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """Every attempt, in the order of their starts."""
        return self.record.attempts
