"""What the checks are made of: a verdict with its reason, requests of every kind, answers of every kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any, Literal, NoReturn

import pytest

from pixroute.fit import Fit, fit
from pixroute.http.call import Call
from pixroute.provider import Capabilities
from pixroute.request import RESOLUTIONS, ImageRequest, Reference, Size
from pixroute.testing.fake import blank_png

PROMPT = 'A lighthouse – "灯台" 🗼 –\n100 % {at} dusk'
"""What breaks a prompt that is pasted into text instead of being encoded."""
REFERENCE = Reference(data=blank_png(8, 8), media_type="image/png")
MASK = Reference(data=blank_png(8, 16), media_type="image/png")

_SHAPES = ("1:1", "16:9", "9:16", "3:2", "4:5")
_EXACT = ("1024x1024", "1920x1080", "1000x1500", "4096x4096")
_FORMATS: tuple[Literal["png", "jpeg", "webp"] | None, ...] = (None, "png", "jpeg", "webp")
_PIXELS = re.compile(r"(\d{2,5})[x×*](\d{2,5})")
_CLASS = re.compile(r"[124]K", re.IGNORECASE)


def check(holds: object, wrong: str, matters: str) -> None:
    """Fail with what is wrong and why it matters, unless it holds."""
    __tracebackhide__ = True
    if not holds:
        fail(wrong, matters)


def fail(wrong: str, matters: str) -> NoReturn:
    """Fail with what is wrong and why it matters; where in the kit that was found helps nobody."""
    __tracebackhide__ = True
    pytest.fail(f"{wrong}\nWhy it matters: {matters}", pytrace=False)


def told(request: ImageRequest) -> str:
    """Describe a request."""
    return (
        f"size {request.size or 'none'}, n={request.n}, {len(request.references)} references, "
        f"format {request.output_format or 'none'}"
    )


def admitted(can: Capabilities, *, references: bool = True) -> Iterator[ImageRequest]:
    """Give requests of every kind, as the router would hand them to a provider with these capabilities."""
    shapes = sorted(can.aspect_ratios) or _SHAPES
    sizes = [None, *RESOLUTIONS[:3], *(f"{size} {shape}" for size, shape in product(RESOLUTIONS[:3], shapes)), *_EXACT]
    counts = sorted({0, min(1, can.references), can.references}) if references else [0]
    for size, n, count, format_ in product(sizes, sorted({1, can.max_images}), counts, _FORMATS):
        wish = ImageRequest(
            PROMPT[: can.max_prompt], size=size, n=n, references=(REFERENCE,) * count, output_format=format_
        )
        fitted = fit(wish, can)
        if isinstance(fitted, Fit):
            yield fitted.request


def smallest(can: Capabilities) -> ImageRequest:
    """Give a request for one picture of the smallest class that the provider makes."""
    made = next(one for one in RESOLUTIONS if not can.resolutions or one in can.resolutions)
    return ImageRequest("A lighthouse at dusk"[: can.max_prompt], size=Size(made))


def fields_of(call: Call) -> Any:
    """Give what a call says, JSON or form, as one document."""
    return call.json if call.form is None else {part.name: part.value for part in call.form}


def texts_in(document: Any) -> Iterator[Any]:
    """Give every value that is no object and no list."""
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list | tuple) else ()
    if not isinstance(document, dict | list | tuple):
        yield document
    for value in inner:
        yield from texts_in(value)


def size_in(call: Call) -> Size | None:
    """Find a size wherever it stands: `width` beside `height`, else `1024x1024`, else `2K`."""
    document = fields_of(call)
    values = [value for value in texts_in(document) if isinstance(value, str)]
    pixels = [f"{width}x{height}" for width, height in _sides_in(document)]
    pixels += [value for value in values if _PIXELS.fullmatch(value)]
    classes = [value for value in values if _CLASS.fullmatch(value)]
    return next((Size.parse(text) for text in (*pixels, *classes)), None)


def _sides_in(document: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(document, dict) and {"width", "height"} <= document.keys():
        yield document["width"], document["height"]
    for value in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from _sides_in(value)
