"""What a caller asked for, read from the fields that the dialects share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from attrs import field, frozen

from pixroute.config.serve import ServeSettings, forbidden
from pixroute.request import ImageRequest, Reference, Size, parse_ratio
from pixroute.serve.problem import GatewayProblem, Refused, bad
from pixroute.values import Mistake

_READ = frozenset(
    ["model", "prompt", "size", "aspect_ratio", "resolution", "n", "output_format", "response_format", "stream"]
)


class Names(Protocol):
    """Who can be asked, by name."""

    def find(self, model: str | None) -> str | None:
        """Give the chain that a caller's `model` means; None leaves it to the rules."""
        ...

    def members(self, chain: str | None) -> Sequence[str]:
        """Give the providers of a chain."""
        ...


@frozen(kw_only=True)
class GatewayRequest:
    """One wish, and the form in which its answer goes out; `notes` tell what of the wish was not passed on."""

    request: ImageRequest
    chain: str | None = None
    model: str | None = None
    stream: bool = False
    as_url: bool = False
    notes: tuple[str, ...] = ()


@frozen(kw_only=True)
class Desk:
    """What reading a wish needs to know: of this server, and of this caller.

    Args:
        settings: of this server.
        names: whom this caller may ask.
        extra: names of unknown fields that go on for it.
        mask: that it gave.
        tags: of its key.
    """

    settings: ServeSettings
    names: Names
    extra: tuple[str, ...] = ()
    mask: Reference | None = None
    tags: Mapping[str, str] = field(factory=dict)

    def take(
        self,
        fields: Mapping[str, Any],
        *,
        references: Sequence[Reference] = (),
        known: frozenset[str] = frozenset(),
    ) -> GatewayRequest:
        """Read the fields that OpenAI's dialect and its relatives share; `known` are the dialect's own beside them.

        Raises:
            Refused: a field cannot be read, or the model is not known.
        """
        fields = {name: value for name, value in fields.items() if value is not None}
        chain = self.names.find(_text(fields, "model"))
        unread = fields.keys() - _READ - known
        passed = {name: fields[name] for name in sorted(unread) if self._passes(name)}
        notes = tuple(f"{name} was not passed on" for name in sorted(unread - passed.keys()))
        form = _choice(fields, "response_format", ("b64_json", "url"))
        request = _made(
            lambda: ImageRequest(
                _text(fields, "prompt") or "",
                size=_size(fields),
                n=_whole(fields, "n", 1),
                references=tuple(references),
                mask=self.mask,
                tags=self.tags,
                output_format=_choice(fields, "output_format", ("png", "jpeg", "webp")),  # type: ignore[arg-type]
                extra=dict.fromkeys(self.names.members(chain), passed) if passed else {},
            )
        )
        return GatewayRequest(
            request=request,
            chain=chain,
            model=_text(fields, "model"),
            stream=_flag(fields, "stream"),
            as_url=form == "url",
            notes=notes,
        )

    def _passes(self, name: str) -> bool:
        return name in (*self.settings.extra, *self.extra) and not forbidden(name)


def unknown_model(model: str, known: Sequence[str]) -> Refused:
    """Refuse a model that means nothing here."""
    there = ", ".join(known[:20])
    message = f"the model {model[:100]!r} does not exist here; there are {there}; `[serve.models]` gives more names"
    return Refused(GatewayProblem(status=404, message=message, kind="model_not_found", param="model"))


def _made(make: Callable[[], ImageRequest]) -> ImageRequest:
    try:
        return make()
    except Mistake as error:
        raise bad(str(error), error.path.partition(".")[0].partition("[")[0] or None) from None
    except ValueError as error:
        raise bad(str(error), "prompt" if "prompt" in str(error) else None) from None


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise bad(f"{name} must be text", name)
    return value


def _whole(fields: Mapping[str, Any], name: str, default: int) -> int:
    value = fields.get(name, default)
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value[:9])
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad(f"{name} must be a whole number", name)
    return value


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name, False)
    if isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    if not isinstance(value, bool):
        raise bad(f"{name} must be true or false", name)
    return value


def _choice(fields: Mapping[str, Any], name: str, choices: Sequence[str]) -> str | None:
    value = _text(fields, name)
    if value == "jpg":
        value = "jpeg"
    if value in {None, "", "auto"}:
        return None
    if value not in choices:
        raise bad(f"{name} must be one of {', '.join(choices)}", name)
    return value


def _size(fields: Mapping[str, Any]) -> Size | None:
    """Read `size` (pixels, a class, or a shape), `resolution` and `aspect_ratio`, as each is written somewhere."""
    size, resolution, shape = (_text(fields, name) or "" for name in ("size", "resolution", "aspect_ratio"))
    size, resolution, shape = ("" if one.lower() == "auto" else one for one in (size, resolution, shape))
    try:
        return _sized(size, resolution, shape)
    except ValueError as error:
        named = "aspect_ratio" if "aspect_ratio" in str(error) else "size"
        raise bad(str(error), named if named in fields or "resolution" not in fields else "resolution") from None


_LONGEST_KNOWN = 32


def _sized(size: str, resolution: str, shape: str) -> Size | None:
    """Read a size; few are asked for again and again, so those are read once."""
    is_short = len(size) + len(resolution) + len(shape) <= _LONGEST_KNOWN
    return (_known_size if is_short else _read_size)(size, resolution, shape)


def _read_size(size: str, resolution: str, shape: str) -> Size | None:
    if ":" in size and not any(character in "xX×*kK " for character in size):
        shape, size = shape or size, ""
    if shape:
        parse_ratio(shape)
    size = size or resolution or ("1K" if shape else "")
    return Size.parse(size, shape or None) if size else None


_known_size = lru_cache(maxsize=256)(_read_size)
