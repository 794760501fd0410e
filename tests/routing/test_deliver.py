"""The last steps of a picture: the format asked for, the file asked for; whatever fails here is an adjustment."""

import pytest

from pixroute import RequestFailed
from pixroute.content import InMemory
from pixroute.http.body.sinks import Held
from pixroute.outcome import Delivered, Success
from pixroute.testing import Act, FakeProvider, fake_router
from pixroute.testing.fake import blank_png


def spooled(path, side=64):
    """Deliver a picture that is in a file already, as one written by `into=` comes."""
    path.write_bytes(blank_png(side, side))
    content = Held(path.open("rb"), path)
    return Act(outcome=Success(pictures=(Delivered(content=content),)))


async def test_another_format_is_converted_and_told():
    """The provider delivered a PNG."""
    async with fake_router(FakeProvider()) as router:
        result = await router.generate("a lighthouse", output_format="jpeg")

    assert (result.image.format, result.image.data[:2]) == ("jpeg", b"\xff\xd8")
    assert [str(each) for each in result.adjustments] == [
        "output_format: asked jpeg, delivered jpeg (converted from the png that fake-1 delivered)"
    ]


async def test_the_same_format_is_left_alone():
    """And nothing is told."""
    async with fake_router(FakeProvider()) as router:
        result = await router.generate("a lighthouse", output_format="png")

    assert (result.image.format, result.adjustments) == ("png", ())


async def test_a_picture_converted_into_a_file(tmp_path):
    """Under the suffix that is true then."""
    async with fake_router(FakeProvider()) as router:
        result = await router.generate("a lighthouse", output_format="webp", into=tmp_path / "lighthouse.png")

    assert result.image.path == tmp_path / "lighthouse.webp"
    assert [path.name for path in tmp_path.iterdir()] == ["lighthouse.webp"]


async def test_a_picture_that_came_into_a_file_is_renamed_not_copied(tmp_path):
    """No temporary file is left."""
    async with fake_router(FakeProvider(spooled(tmp_path / "arriving"))) as router:
        result = await router.generate("a lighthouse", into=tmp_path / "lighthouse")

    assert result.image.path == tmp_path / "lighthouse.png"
    assert [path.name for path in tmp_path.iterdir()] == ["lighthouse.png"]


async def test_a_picture_kept_beside_the_winner_leaves_no_file(tmp_path):
    """Nobody gave it a name: its bytes are handed over."""
    undersized, good = FakeProvider(spooled(tmp_path / "arriving")), FakeProvider()
    async with fake_router(undersized, good) as router:
        result = await router.generate("a lighthouse", size="4K")

    (extra,) = result.extra
    assert (extra.width, extra.content.path, extra.data) == (64, None, blank_png(64, 64))
    assert list(tmp_path.iterdir()) == []


async def test_a_picture_of_a_failed_request_leaves_no_file_either(tmp_path):
    """It was paid for and not accepted."""
    async with fake_router(FakeProvider(spooled(tmp_path / "arriving"))) as router:
        with pytest.raises(RequestFailed) as caught:
            await router.generate("a lighthouse", size="4K")

    (image,) = caught.value.images
    assert isinstance(image.content, InMemory)
    assert list(tmp_path.iterdir()) == []
