"""Another format than the provider delivers, where Pillow is installed; never at the price of the picture."""

from __future__ import annotations

from io import BytesIO

from attrs import evolve

from pixroute.content import Content
from pixroute.result import Adjustment, Format, Image


def convert(image: Image, wanted: Format) -> tuple[Image, Adjustment]:
    """Give the picture in the wanted format, or as it is with the reason why; to be called in a thread."""
    try:
        content = _convert(image.content, wanted)
    except ImportError:
        why = "Pillow is not installed: pip install 'pixroute[cli]'"
        return image, Adjustment("output_format", wanted, image.format, why)
    except Exception as error:  # noqa: BLE001 - whatever Pillow raises over it, the picture was paid for and stands
        why = f"it cannot be converted: {error or type(error).__name__}"
        return image, Adjustment("output_format", wanted, image.format, why)
    made_by = f"converted from the {image.format} that {image.provider} delivered"
    return evolve(image, content=content, format=wanted), Adjustment("output_format", wanted, wanted, made_by)


def _convert(content: Content, wanted: Format) -> Content:
    from PIL import Image as Pillow  # noqa: PLC0415 - an extra, imported when used

    with content.open() as source, Pillow.open(source) as picture:
        target = BytesIO()
        flat = picture.convert("RGB") if wanted == "jpeg" and picture.mode not in ("RGB", "L") else picture
        options = {"compress_level": 1} if wanted == "png" else {"quality": 95}
        flat.save(target, format=wanted.upper(), **options)
    return Content(target.getvalue())
