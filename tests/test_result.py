"""Pictures and results as a caller holds them."""

import pytest

from pixroute import FailureKind
from pixroute.content import InMemory
from pixroute.cost import Cost
from pixroute.outcome import Failure
from pixroute.result import Adjustment, Image, ImageResult, Missing, true_name
from pixroute.routing.record import Record


def image(provider="one", **fields):
    """Give a picture; its bytes are of no matter here."""
    fields = {"format": "jpeg", "width": 64, "height": 32, **fields}
    return Image(content=InMemory(b"bytes"), provider=provider, **fields)


@pytest.mark.parametrize(
    ("asked", "format_", "named"),
    [
        ("lighthouse", "png", "lighthouse.png"),
        ("lighthouse", "jpeg", "lighthouse.jpg"),
        ("lighthouse.png", "jpeg", "lighthouse.jpg"),
        ("lighthouse.JPEG", "webp", "lighthouse.webp"),
        ("lighthouse.jpg", "jpeg", "lighthouse.jpg"),
        ("v1.2", "gif", "v1.2.gif"),
    ],
)
def test_a_file_gets_the_suffix_that_is_true(asked, format_, named, tmp_path):
    """In place of another picture suffix, behind any other name."""
    assert true_name(tmp_path / asked, format_) == tmp_path / named


async def test_a_picture_is_saved_whole_under_its_true_name(tmp_path):
    """What stood there before is replaced, nothing else is left."""
    (tmp_path / "lighthouse.jpg").write_bytes(b"old")

    path = await image().save(tmp_path / "lighthouse.png")

    assert path == tmp_path / "lighthouse.jpg"
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("lighthouse.jpg", b"bytes")]


def test_a_picture_tells_its_media_type_and_hides_its_bytes():
    """A repr fits a log."""
    assert (image().media_type, image().data) == ("image/jpeg", b"bytes")
    assert "bytes" not in repr(image())


def test_a_result_is_its_first_picture():
    """Provider, model and prompt are that one's; every other carries its own."""
    first, second = image("one", model="m-1", revised_prompt="a tower"), image("two")
    record = Record(request_id="r", chain="default", seconds=1.0)

    result = ImageResult(images=(first, second), cost=Cost(), record=record)

    assert (result.image, result.provider, result.model, result.revised_prompt) == (first, "one", "m-1", "a tower")
    assert result.attempts == ()
    assert "Record" not in repr(result)


def test_an_adjustment_is_a_sentence():
    """What was asked, what came, and why where it is known."""
    assert str(Adjustment("size", "1K", "2K")) == "size: asked 1K, delivered 2K"
    assert str(Adjustment("size", "1K", "2K", "no smaller")) == "size: asked 1K, delivered 2K (no smaller)"


def test_what_is_missing_says_which_and_why():
    """By the part's number, from 0."""
    failure = Failure(kind=FailureKind.EMPTY, message="nothing")

    assert Missing(part=1, failure=failure).failure is failure


@pytest.mark.parametrize("path", [None, 5, b"x", "", ".", "a\0b", "half \ud83d"])
async def test_a_picture_is_saved_only_where_a_file_is_named(path):
    """TypeError and UnicodeEncodeError came out of the thread that writes."""
    with pytest.raises(ValueError, match=r"^path [^\n]{1,100}$"):
        await image().save(path)
