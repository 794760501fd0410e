"""What a provider is asked for a wish, or why it cannot be."""

import pytest

from pixroute import Capabilities, ImageRequest
from pixroute.fit import Fit, Unfit, fit
from pixroute.request import Reference

PRO = Capabilities(resolutions={"1K", "2K", "4K"}, aspect_ratios={"1:1", "16:9", "9:16"}, references=14)
LISTED = Capabilities(resolutions={"1K", "2K"}, exact_sizes={(1024, 1536)})
SIDES = Capabilities(resolutions={"1K", "2K"}, sides=(256, 1440), multiple_of=32)
AREA = Capabilities(resolutions={"1K", "2K"}, exact_pixels=(4096, 4_194_304), multiple_of=16)
SEEDREAM = Capabilities(resolutions={"2K", "4K"}, exact_pixels=(3_686_400, 16_777_216), references=10, max_prompt=50)


@pytest.mark.parametrize(
    ("can", "size", "sent"),
    [
        (PRO, "4K", "4K"),
        (PRO, "4K 16:9", "4K 16:9"),
        (PRO, "4096x4096", "4K 1:1"),
        (PRO, "5504x3072", "4K 16:9"),
        (PRO, None, "1K"),
        (PRO, "1400x1400", "2K 1:1"),
        (PRO, "2880x2880", "4K 1:1"),
        (Capabilities(), "1400x1400", "1400x1400"),
        (LISTED, "1024x1536", "1024x1536"),
        (LISTED, "1024x1024", "1K 1:1"),
        (SEEDREAM, None, "2K"),
        (SEEDREAM, "1K", "2K"),
        (SEEDREAM, "1024x1024", "2K 1:1"),
        (SEEDREAM, "2560x1440", "2560x1440"),
        (SEEDREAM, "4K 21:9", "4K 21:9"),
        (SIDES, "1024x512", "1024x512"),
        (SIDES, "1000x500", "1K 2:1"),
        (SIDES, "128x256", "1K 1:2"),
        (SIDES, "2048x1024", "2K 2:1"),
        (AREA, "1024x512", "1024x512"),
        (AREA, "1920x1080", "2K 16:9"),
        (Capabilities(), None, "None"),
        (Capabilities(), "4K", "4K"),
    ],
)
def test_what_is_sent(can, size, sent):
    """Classes stay, exact pixels stay where the provider takes them, small becomes larger, never the reverse."""
    fitted = fit(ImageRequest("x", size=size), can)

    assert isinstance(fitted, Fit)
    assert str(fitted.request.size) == sent


@pytest.mark.parametrize(
    ("can", "ask", "why"),
    [
        (PRO, {"size": "4K 3:1"}, "not the shape"),
        (SEEDREAM, {"size": "4096x5000"}, "at most 16777216 pixels"),
        (Capabilities(resolutions={"1K"}), {"size": "4K"}, "makes 1K, not 4K"),
        (PRO, {"size": "6000x6000"}, "makes 1K, 2K, 4K, not 6000x6000"),
        (SEEDREAM, {"references": [b"x"] * 11}, "at most 10 reference pictures, not 11"),
        (SEEDREAM, {"prompt": "x" * 51}, "at most 50 characters, not 51"),
    ],
)
def test_why_not(can, ask, why):
    """A reason in words a caller can act on."""
    prompt = ask.pop("prompt", "x")

    unfit = fit(ImageRequest(prompt, **ask), can)

    assert isinstance(unfit, Unfit)
    assert why in unfit.reason


def test_a_larger_picture_is_told_and_may_be_refused():
    """An asked 1K on a 2K provider is an adjustment, or a reason to skip it."""
    wish = ImageRequest("x", size="1K")

    fitted = fit(wish, SEEDREAM)

    assert isinstance(fitted, Fit)
    assert [str(a) for a in fitted.adjustments] == [
        "size: asked 1K, delivered 2K (the provider makes no smaller pictures)"
    ]
    assert isinstance(fit(wish, SEEDREAM, upgrade="refuse"), Unfit)


def test_answers_21_a_reference_of_a_format_that_is_refused_is_not_sent():
    """A GIF went to `images/edits`, which takes PNG, JPEG and WebP, and came back as 400."""
    can = Capabilities(references=2, reference_formats={"png", "jpeg"})
    png, gif = Reference(data=b"1", media_type="image/png"), Reference(data=b"2", media_type="image/gif")

    assert fit(ImageRequest("a", references=[png, gif]), can) == Unfit("takes reference pictures as jpeg, png, not gif")
    assert isinstance(fit(ImageRequest("a", references=[png, b"not looked at yet"]), can), Fit)
    assert isinstance(fit(ImageRequest("a", references=[gif]), Capabilities(references=1)), Fit)


def test_sides_are_the_shortest_then_the_longest():
    """The other way about is a mistake."""
    with pytest.raises(ValueError, match="sides must be the shortest side, then the longest"):
        Capabilities(sides=(1440, 256))
