"""`mask=` beside references: read and looked at before anything is sent, passed on where it is taken, else skipped."""

from io import BytesIO

import pytest
from PIL import Image

from pixroute import Capabilities, ImageRequest, InvalidRequest
from pixroute.references import loaded
from pixroute.testing.fake import FakeProvider, fake_router


def png(width: int = 8, height: int = 8) -> bytes:
    written = BytesIO()
    Image.new("RGBA", (width, height)).save(written, "PNG")
    return written.getvalue()


def jpeg() -> bytes:
    written = BytesIO()
    Image.new("RGB", (8, 8)).save(written, "JPEG")
    return written.getvalue()


async def test_it_is_read_as_references_are(tmp_path):
    """From a path, with its media type."""
    (tmp_path / "mask.png").write_bytes(png())

    request = await loaded(ImageRequest("x", references=[png()], mask=tmp_path / "mask.png"))

    assert request.mask
    assert (request.mask.data, request.mask.media_type) == (png(), "image/png")
    assert request.pictures == (*request.references, request.mask)


async def test_a_request_without_pictures_is_given_back():
    """Who pays nothing gets the same object."""
    request = ImageRequest("x")

    assert await loaded(request) is request
    assert request.pictures is request.references


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (b"no picture", "mask is no picture that can be sent"),
        ("missing.png", "mask cannot be read"),
        (png(16, 8), "mask has 16x8 pixels and the first reference picture 8x8; make it as large"),
    ],
)
async def test_what_is_no_mask_is_told_before_anything_is_sent(mask, says):
    """In a sentence that names it."""
    async with fake_router() as router:
        with pytest.raises(ValueError, match="mask") as caught:
            await router.generate("x", references=[png()], mask=mask)

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"mask": png()}, "mask"),
        ({"references": [png()], "mask": 5}, "mask"),
        ({"references": [png()], "mask": "https://one.test/mask.png"}, "is a URL"),
    ],
)
def test_a_mask_without_sense_is_refused(given, says):
    """There must be a reference picture that it is of."""
    with pytest.raises(ValueError, match=says):
        ImageRequest("x", **given)


def test_wishes_with_other_masks_are_other_evidence():
    """As with references."""
    with_mask = ImageRequest("x", references=[png()], mask=png())

    assert with_mask.fingerprint != ImageRequest("x", references=[png()]).fingerprint


@pytest.mark.parametrize(
    ("formats", "mask", "reason"),
    [((), png(), "takes no mask"), ({"png"}, jpeg(), "takes masks as png, not jpeg")],
    ids=["none", "other"],
)
async def test_who_does_not_take_it_is_skipped(formats, mask, reason):
    """Nobody is asked for something else instead."""
    can = Capabilities(references=1, mask_formats=formats)
    provider = FakeProvider(capabilities=can)
    async with fake_router(provider) as router:
        with pytest.raises(InvalidRequest, match=reason):
            await router.generate("x", references=[png()], mask=mask)

    assert not provider.calls


async def test_who_takes_it_gets_it_beside_one_who_does_not():
    """The first is passed over, the second asked."""
    one = FakeProvider(capabilities=Capabilities(references=1))
    two = FakeProvider(capabilities=Capabilities(references=1, mask_formats={"png"}))
    async with fake_router(one, two) as router:
        await router.generate("x", references=[png()])
        await router.generate("x", references=[png()], mask=png())

    assert [len(provider.calls) for provider in (one, two)] == [1, 1]
    assert two.calls[0].request.mask
