"""Where pictures go: looked at before anything is paid, and never lost after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import click
from attrs import frozen

from pixroute.content import spare_file
from pixroute.result import Image, true_name
from pixroute.routing.deliver import obstacle

FORMATS: Mapping[str, Literal["png", "jpeg", "webp"]] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
}


@frozen
class Target:
    """The file asked for, or None for one named after the request."""

    path: Path | None

    @property
    def output_format(self) -> Literal["png", "jpeg", "webp"] | None:
        """What the suffix says; without a suffix the picture stays as it is."""
        return FORMATS.get(self.path.suffix.lower()) if self.path else None

    def check(self) -> None:
        """Refuse a place that cannot be written, before anything is sent.

        Raises:
            click.UsageError: it says why.
        """
        path = self.path or Path("picture")
        if path.suffix and path.suffix.lower() not in FORMATS:
            raise click.UsageError(f"-o {path}: pictures are written as {', '.join(FORMATS)}.")
        if why := obstacle(path, self.output_format):
            raise click.UsageError(f"-o {path}: {why}.".replace(": it ", " ", 1))

    async def save(self, images: Sequence[Image], *, request_id: str, what: str = "") -> list[Path]:
        """Write the pictures and say where; several are numbered. `what` is added to the name.

        A picture that is paid for is not lost to a full disk: it goes to the folder of temporary files then.
        """
        base = self.path or Path(f"pixroute-{request_id}")
        stem, suffix = base.with_suffix(""), base.suffix if self.path else ""
        names = _names(stem.name + (f"-{what}" if what else ""), len(images))
        return [
            await _save(image, stem.with_name(f"{name}{suffix}")) for name, image in zip(names, images, strict=True)
        ]


def _names(stem: str, count: int) -> Iterator[str]:
    return iter([stem]) if count == 1 else (f"{stem}-{number}" for number in range(1, count + 1))


async def _save(image: Image, path: Path) -> Path:
    try:
        return await image.save(path)
    except OSError as error:
        elsewhere = spare_file(true_name(path, image.format))
        click.echo(f"Warning: {path}: {error.strerror or error}; written elsewhere.", err=True)
        return await image.save(elsewhere)
