"""Real pictures: a landscape made from the prompt's hash, with the prompt and the size written on it."""

import hashlib
import io
import textwrap
import zlib
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_SCENE = 512  # the scene's long side: drawn this small and enlarged: a 4096x4096 PNG then takes under a second


@lru_cache(maxsize=8)
def draw(
    *, prompt: str, model: str, width: int, height: int, mime: str, watermark: bool = False, noise: bool = False
) -> bytes:
    """Draw a picture; with `noise` a PNG is as heavy as a photograph (about 26 MB at 4096x4096).

    Takes CPU time: call it in a thread. The last eight are kept.
    """
    from PIL import Image  # noqa: PLC0415 - imported when used: an extra

    shrink = max(width, height) / _SCENE
    scene = _scene(prompt, max(round(width / shrink), 16), max(round(height / shrink), 16))
    picture = scene.resize((width, height), Image.Resampling.BICUBIC)
    if noise:
        picture = _with_noise(picture)
    _write(picture, prompt, f"emulated · {model} · {width}x{height}", watermark=watermark)
    return _encode(picture, mime, noise=noise)


def measure(data: bytes) -> tuple[int, int] | None:
    """Width and height of a picture handed in, or None if it is not one."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - imported when used: an extra

    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.size
    except UnidentifiedImageError:
        return None


def _scene(prompt: str, width: int, height: int) -> "Image.Image":
    from PIL import Image, ImageDraw, ImageFilter  # noqa: PLC0415 - imported when used: an extra

    random = Random(hashlib.sha256(prompt.encode()).digest())  # noqa: S311 - a picture, not a secret
    hue = random.randrange(360)
    picture = Image.new("RGB", (width, height))
    canvas = ImageDraw.Draw(picture)
    for y in range(height):
        canvas.line([(0, y), (width, y)], fill=_hsl(hue + 30 * y // height, 55, 24 + 52 * y // height))
    radius = min(width, height) // random.randrange(9, 14)
    x, y = width * random.randrange(55, 85) // 100, height * random.randrange(28, 46) // 100
    canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_hsl(hue + 60, 90, 88))
    for layer in range(4):
        base = height * (58 + 10 * layer) // 100
        _ridge(canvas, random, base=base, size=picture.size, fill=_hsl(hue + 50 + 12 * layer, 30, 46 - 10 * layer))
    return picture.filter(ImageFilter.GaussianBlur(0.7))


def _ridge(canvas: "ImageDraw.ImageDraw", random: Random, *, base: int, size: tuple[int, int], fill: str) -> None:
    width, height = size
    peaks = [(width * i // 12, base - random.randrange(height // 7)) for i in range(13)]
    canvas.polygon([*peaks, (width, height), (0, height)], fill=fill)


def _hsl(hue: int, saturation: int, lightness: int) -> str:
    return f"hsl({hue % 360},{saturation}%,{min(lightness, 95)}%)"


def _write(picture: "Image.Image", prompt: str, caption: str, *, watermark: bool) -> None:
    from PIL import ImageDraw, ImageFont  # noqa: PLC0415 - imported when used: an extra

    canvas = ImageDraw.Draw(picture)
    unit = min(picture.width, picture.height)
    margin, big, small = unit // 20, max(unit // 18, 8), max(unit // 34, 7)
    lines = textwrap.wrap(prompt, width=max(picture.width * 9 // (big * 5), 8))[:6]
    text, y = "\n".join(lines), picture.height - margin
    for words, height, anchor, x in (
        (caption, small, "ls", margin),
        ("AI generated" if watermark else "", small, "rs", picture.width - margin),
    ):
        font = ImageFont.load_default(height)
        canvas.text((x, y), words, font=font, fill="white", anchor=anchor, stroke_width=small // 10, stroke_fill="#222")
    font = ImageFont.load_default(big)
    canvas.multiline_text(
        (margin, margin), text, font=font, fill="white", spacing=big // 3, stroke_width=big // 12, stroke_fill="#222"
    )


def _with_noise(picture: "Image.Image") -> "Image.Image":
    from PIL import Image, ImageChops  # noqa: PLC0415 - imported when used: an extra

    side = 512
    grain = Random(0).randbytes(3 * side * side)  # noqa: S311 - grain, not a secret
    tile = Image.frombytes("RGB", (side, side), bytes(value & 15 for value in grain))
    sheet = Image.new("RGB", picture.size)
    for left in range(0, picture.width, side):
        for top in range(0, picture.height, side):
            sheet.paste(tile, (left, top))
    return ImageChops.add(picture, sheet)


def _encode(picture: "Image.Image", mime: str, *, noise: bool) -> bytes:
    buffer = io.BytesIO()
    # Run lengths suit enlarged gradients, bare Huffman suits grain; both are faster than a search for repetitions.
    fast = {"compress_type": zlib.Z_HUFFMAN_ONLY if noise else zlib.Z_RLE} if mime == "image/png" else {}
    picture.save(buffer, FORMATS[mime], **fast)
    return buffer.getvalue()
