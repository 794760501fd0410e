"""Options that several commands share, and how they become a request."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, TypeVar

import click
from attrs import frozen

from pixroute.cli.choose import FAULTS, NO_FAULT, TIME_SCALE
from pixroute.request import ImageRequest, Size

Command = TypeVar("Command", bound=Callable[..., Any])
PICTURE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


def _amount(text: str) -> Decimal:
    """Read an amount of money, kept exact."""
    try:
        amount = Decimal(text)
        if 0 <= amount < Decimal("inf"):
            return amount
    except InvalidOperation:  # of text that is no number, and of comparing what is "nan"
        pass
    raise click.BadParameter(f"{text!r} is not an amount such as 0.25.")


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE.")
    return key, value


@frozen(kw_only=True)
class RequestOptions:
    """What the shared options say."""

    size: str | None
    aspect: str | None
    n: int
    images: tuple[Path, ...]
    mask: Path | None
    sensitive: bool
    tags: tuple[tuple[str, str], ...]
    chain: str | None
    timeout: float | None
    max_cost: Decimal | None

    def request(self, prompt: str, output_format: Literal["png", "jpeg", "webp"] | None = None) -> ImageRequest:
        """Give the request.

        Raises:
            SizeError: size or aspect ratio cannot be read.
        """
        return ImageRequest(
            prompt,
            size=Size.parse(self.size or "1K", self.aspect) if self.size or self.aspect else None,
            n=self.n,
            references=self.images,
            mask=self.mask,
            output_format=output_format,
            sensitive=self.sensitive,
            tags=dict(self.tags),
        )

    @classmethod
    def for_picture(cls, **said: Any) -> RequestOptions:
        """Take what `picture_options` say: what the picture is to be, without how it is got."""
        return cls(**said, sensitive=False, tags=(), chain=None, timeout=None, max_cost=None)

    @property
    def limits(self) -> dict[str, Any]:
        """Give what `Router.generate` and `Router.explain` take beside a request."""
        money = {} if self.max_cost is None else {"max_cost": self.max_cost}
        return {"chain": self.chain, "timeout": self.timeout, **money}


_WISH = (
    click.option("--size", metavar="SIZE", help="1K, 2K, 4K, WIDTHxHEIGHT, or '2K 16:9'. Default: the provider's own."),
    click.option("--aspect", metavar="W:H", help="Shape, beside 1K, 2K or 4K (1K if no size is given)."),
    click.option("-n", "--n", default=1, type=click.IntRange(1, 100), metavar="N", help="How many pictures, 1 to 100."),
    click.option("--image", "images", multiple=True, type=PICTURE, metavar="FILE", help="A picture to edit or follow."),
    click.option("--mask", type=PICTURE, metavar="FILE", help="What is transparent is changed in the first --image."),
)

_SHARED = (
    *_WISH,
    click.option("--sensitive", is_flag=True, help="Never over an unencrypted connection."),
    click.option(
        "--tag", "tags", multiple=True, type=_tag, metavar="KEY=VALUE", help="Carried to record and rules; repeatable."
    ),
    click.option("--chain", metavar="NAME", help="Default: by the rules of the configuration."),
    click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="For everything together. Default: as `pixroute explain` shows.",
    ),
    click.option(
        "--max-cost", type=_amount, metavar="AMOUNT", help="Most money; what may have been billed counts in full."
    ),
)

CONFIG = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Default: $PIXROUTE_CONFIG, else ./pixroute.toml, else the built-in chain with $APIYI_API_KEY.",
)
_CONFIGURATION = (
    CONFIG,
    click.option(
        "--plaintext",
        type=click.Choice(["accept"]),
        help="Let the built-in chain begin with the HTTP port, where the key travels in clear.",
    ),
)


def picture_options(command: Command) -> Command:
    """Add the options of a picture alone: size, shape, number, references, mask."""
    return _with(command, _WISH)


def request_options(command: Command) -> Command:
    """Add the options that make an `RequestOptions`."""
    return _with(command, _SHARED)


def configuration_options(command: Command) -> Command:
    """Add `--config` and `--plaintext`."""
    return _with(command, _CONFIGURATION)


def emulation_options(command: Command, *, fault: str = FAULTS[0]) -> Command:
    """Add `--emulated`, `--time-scale` and `--fault`; `fault` is what the command takes where none is given."""
    emulated = "Ask an emulator of the upstreams in this process: no key, no cost."
    scale = f"With --emulated: real seconds per emulated one. Default: {TIME_SCALE}."
    faults = f"With --emulated; repeatable. Default: {fault}" + ("" if fault == NO_FAULT else "; 'none' is none") + "."
    options = (
        click.option("--emulated", is_flag=True, help=emulated),
        click.option("--time-scale", type=click.FloatRange(0.005, 1), metavar="SCALE", help=scale),
        click.option("--fault", "faults", multiple=True, metavar="PROVIDER=FAULT", help=faults),
    )
    return _with(command, options)


def _with(command: Command, options: tuple[Callable[[Command], Command], ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
