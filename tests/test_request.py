"""Requests and sizes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixroute import ImageRequest, Size
from pixroute.request import Reference, SizeError, resolution_of


@pytest.mark.parametrize(
    ("text", "ratio", "expected"),
    [
        ("4K", None, Size("4K")),
        ("4k", "16:9", Size("4K", (16, 9))),
        ("2K 16:9", None, Size("2K", (16, 9))),
        ("4096x4096", None, Size("4K", None, 4096, 4096)),
        ("1024×1024", None, Size("1K", None, 1024, 1024)),
        ("2048x2048", "1:1", Size("2K", None, 2048, 2048)),
        (" 1K ", None, Size("1K")),
    ],
)
def test_sizes_are_read(text, ratio, expected):
    """A class, a class with a shape, or exact pixels."""
    assert Size.parse(text, ratio) == expected


@pytest.mark.parametrize(
    ("text", "ratio", "says"),
    [
        ("8K", None, "none of 1K, 2K, 4K"),
        ("big", None, "none of 1K, 2K, 4K"),
        ("", None, "none of 1K, 2K, 4K"),
        ("4K", "wide", "not W:H"),
        ("4K", "0:9", "not W:H"),
        ("4096x4096", "16:9", "is not 16:9"),
        ("2K 16:9", "1:1", "contradict"),
    ],
)
def test_unreadable_sizes_say_what_may_stand_there(text, ratio, says):
    """One sentence, with what is allowed."""
    with pytest.raises(SizeError, match=says):
        Size.parse(text, ratio)


@pytest.mark.parametrize(
    ("width", "height", "resolution"),
    [
        (1024, 1024, "1K"),
        (1584, 672, "1K"),
        (2048, 2048, "2K"),
        (2752, 1536, "2K"),
        (4096, 4096, "4K"),
        (3840, 2160, "2K"),
    ],
)
def test_resolution_goes_by_pixels(width, height, resolution):
    """1K up to 2.1 megapixels, 2K up to 8.4, 4K above."""
    assert resolution_of(width, height) == resolution


@given(st.integers(64, 9999), st.integers(64, 9999))
def test_exact_sizes_survive_printing(width, height):
    """What is printed is read back as the same."""
    size = Size.parse(f"{width}x{height}")

    assert Size.parse(str(size)) == size
    assert size.nominal() == (width, height)


@pytest.mark.parametrize(("prompt", "n"), [("", 1), ("  ", 1), ("x", 0), ("x", 101)])
def test_a_request_without_sense_is_refused(prompt, n):
    """An empty prompt and a count outside 1 to 100 are told at once."""
    with pytest.raises(ValueError, match=r"prompt is empty|n must be"):
        ImageRequest(prompt, n=n)


def test_a_request_never_shows_its_prompt():
    """Its repr tells the length only."""
    assert "lighthouse" not in repr(ImageRequest("a lighthouse", references=[b"secret bytes"]))
    assert "secret" not in repr(ImageRequest("a lighthouse", references=[b"secret bytes"]))


def test_equal_wishes_are_one_piece_of_evidence():
    """The fingerprint goes by prompt, size and references, nothing else."""
    one = ImageRequest("a", size="4K", tags={"x": "1"})

    assert one.fingerprint == ImageRequest("a", size="4K").fingerprint
    assert one.fingerprint != ImageRequest("b", size="4K").fingerprint
    assert one.fingerprint != ImageRequest("a", size="2K").fingerprint
    assert one.fingerprint != ImageRequest("a", size="4K", references=[b"1"]).fingerprint


def test_references_are_bytes_paths_or_as_they_are(tmp_path):
    """A path is read when the request starts, not before."""
    given = Reference(data=b"1", media_type="image/png")

    request = ImageRequest("a", references=[given, b"2", "three.png", tmp_path])

    assert request.references == (
        given,
        Reference(data=b"2"),
        Reference(path=Path("three.png")),
        Reference(path=tmp_path),
    )


@pytest.mark.parametrize(
    ("size", "pixels", "nominal"),
    [
        (Size("4K"), 4096 * 4096, (4096, 4096)),
        (Size("2K", (16, 9)), 2048 * 2048, (2720, 1536)),
        (Size("1K", (1, 100)), 1024 * 1024, (96, 10240)),
        (Size("1K", None, 800, 600), 480_000, (800, 600)),
        (Size("other"), None, (1024, 1024)),
    ],
    ids=str,
)
def test_a_size_in_pixels(size, pixels, nominal):
    """A class asks its nominal area; on the wire its sides are divisible by 16."""
    assert (size.pixels, size.nominal()) == (pixels, nominal)


def test_the_resolution_is_that_of_the_size():
    """And not known where none was asked."""
    assert (ImageRequest("a", size="4K").resolution, ImageRequest("a").resolution) == ("4K", "other")
