"""Whether what came is a picture, and the one that was asked for."""

from decimal import Decimal
from random import Random

import pytest

from pixroute import Capabilities, FailureKind, ImageRequest, Policy, Stage
from pixroute.content import InMemory
from pixroute.cost import Cost
from pixroute.health.registry import Health
from pixroute.outcome import Delivered, Failure, Success
from pixroute.result import Adjustment
from pixroute.routing.chain import Chain, Member, prepared_providers
from pixroute.routing.validate import validate
from pixroute.testing import FakeProvider
from pixroute.testing.fake import blank_png

K = FailureKind


@pytest.fixture
def check():
    """Validate pictures, given as (width, height) or bytes, against an asked size."""

    def check_(*pictures, size=None, capabilities=None, advice=None, failures=(), **fields):
        provider = FakeProvider(capabilities=capabilities)
        provider.advice = advice or {}
        health = Health(clock=lambda: 0, call_at=lambda _at, _call: None, random=Random(0), on_change=lambda _: None)
        asked = ImageRequest("a lighthouse", size=size)
        chain = Chain.of("default", [Member.of("one", provider)], Policy())
        (prepared,) = prepared_providers(chain, asked, chain.policy, health, {})
        contents = [InMemory(each if isinstance(each, bytes) else blank_png(*each)) for each in pictures]
        delivered = tuple(Delivered(content=content, revised_prompt="a tower") for content in contents)
        return validate(Success(pictures=delivered, failures=tuple(failures), **fields), asked, prepared)

    return check_


def test_a_picture_as_asked_is_accepted(check):
    """It knows what it is, who made it, and what it cost."""
    checked = check((2048, 2048), size="2K", model="m-2", usage={"tokens": 7}, provider_request_id="req-1")

    (image,) = checked.images
    assert (image.format, image.width, image.height, image.revised_prompt) == ("png", 2048, 2048, "a tower")
    assert (image.provider, image.model, image.cost) == ("one", "m-2", Cost(certain=Decimal("0.04")))
    assert (checked.outcome.model, checked.outcome.usage) == ("m-2", {"tokens": 7})
    assert checked.outcome.provider_request_id == "req-1"
    assert (checked.rejected, checked.adjustments, checked.outcome.failures) == ((), (), ())


def test_without_a_name_of_its_own_the_model_is_the_providers(check):
    """As it is configured."""
    assert check((64, 64)).images[0].model == "fake-1"


def test_any_size_will_do_where_none_was_asked(check):
    """The provider chooses."""
    assert len(check((16, 16)).images) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>busy</html>", "no valid picture"),
        (blank_png(64, 64)[:-12], "no valid picture"),
        (b"", "no valid picture"),
    ],
    ids=["a page", "truncated", "nothing"],
)
def test_what_is_no_complete_picture_is_a_bad_image(check, content, words):
    """It was paid for, and nothing of it is kept."""
    checked = check(content)

    assert checked.outcome.kind is K.BAD_IMAGE
    assert checked.outcome.stage is Stage.VALIDATE
    assert words in checked.outcome.message
    assert (checked.images, checked.rejected) == ((), ())


def test_a_picture_too_small_is_undersized_and_kept_aside(check):
    """The message says what came and what was asked; the picture was paid for."""
    checked = check((1024, 1024), size="4K")

    assert checked.outcome.kind is K.UNDERSIZED
    assert str(checked.outcome) == (
        "one delivered 1024x1024 where 4K was asked. It is not asked for this resolution for an hour."
    )
    assert [(image.width, image.height) for image in checked.rejected] == [(1024, 1024)]


def test_a_provider_may_know_better_what_to_change(check):
    """Its own advice goes before the general one."""
    checked = check((1024, 1024), size="4K", advice={K.UNDERSIZED: "Use the native api."})

    assert checked.outcome.advice == "Use the native api."


@pytest.mark.parametrize(("side", "accepted"), [(1944, True), (1942, False)])
def test_a_tenth_of_the_pixels_may_be_missing(check, side, accepted):
    """Makers round sides to their own grid; the provider's table says how far."""
    assert bool(check((side, side), size="2K").images) is accepted


def test_the_tolerance_is_the_providers(check):
    """Half the pixels, for one who says so."""
    lax = Capabilities(size_tolerance=0.5)

    assert len(check((1500, 1500), size="2K", capabilities=lax).images) == 1


def test_good_ones_among_bad_make_a_success(check):
    """The bad ones are told with it, in order, after those the provider told itself."""
    refused = Failure(kind=K.MODERATED, message="not this one")

    checked = check((2048, 2048), b"rubbish", (64, 64), size="2K", failures=[refused])

    assert [image.width for image in checked.images] == [2048]
    assert [failure.kind for failure in checked.outcome.failures] == [K.MODERATED, K.BAD_IMAGE, K.UNDERSIZED]
    assert [image.width for image in checked.rejected] == [64]


def test_with_none_good_the_first_failure_is_told(check):
    """The one the provider told before ours."""
    refused = Failure(kind=K.MODERATED, message="not this one")

    assert check(b"rubbish", failures=[refused]).outcome is refused


def test_exact_pixels_that_came_otherwise_are_told(check):
    """2040 where 2048 was asked is an adjustment; what came exactly is none."""
    near = check((2040, 2056), (2048, 2048), size="2048x2048")

    assert near.adjustments == (Adjustment("size", "2048x2048", "2040x2056", "one makes no other of this shape"),)
    assert check((2040, 2056), size="2K").adjustments == ()


def test_what_the_provider_was_asked_otherwise_is_told_first(check):
    """A class made larger, before what came of it."""
    checked = check((2048, 2048), size="1K", capabilities=Capabilities(resolutions={"2K"}))

    assert [str(each) for each in checked.adjustments] == [
        "size: asked 1K, delivered 2K (the provider makes no smaller pictures)"
    ]
