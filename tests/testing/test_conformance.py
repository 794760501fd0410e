"""The conformance kit finds what is wrong with a provider, and says why it matters."""

import asyncio
import logging
import re
from itertools import count

import pytest
from attrs import evolve, frozen

from pixroute import Capabilities, Failure, FailureKind, HttpProvider, HttpSettings, Size
from pixroute.http import Call, Part
from pixroute.testing import FakeProvider, silence
from pixroute.testing.conformance import KEY, PICTURE, ProviderConformance, Upstream
from pixroute.testing.conformance.stand import at
from pixroute.testing.conformance.words import admitted, size_in


@frozen(kw_only=True)
class GoodSettings(HttpSettings):
    """Settings of a provider that keeps its contract."""

    base_url: str = "https://api.good.example/v1"
    model: str = "good-1"


class Good(HttpProvider[GoodSettings]):
    """A provider that keeps its contract."""

    def capabilities(self):
        """Tell what it can do."""
        return Capabilities(resolutions={"1K", "2K"}, references=1)

    def encode(self, request):
        """Write the call."""
        size = "{}x{}".format(*(request.size or Size("1K")).nominal())
        images = [reference.data.hex() for reference in request.references]
        return Call.post("images", json={"prompt": request.prompt, "size": size, "images": images})

    def decode(self, reply):
        """Find the picture."""
        return [reply.json["picture"]]


class Kit(ProviderConformance):
    """The kit as the author of `Good` uses it."""

    upstream = Upstream(healthy={"picture": PICTURE}, refusal={"refused": True}, refusal_status=200)


kit = Kit()


def make(**members):
    """Give a provider that differs from the good one."""
    return type("Bad", (Good,), members)("bad", GoodSettings(api_key=KEY))


def requests_for(provider):
    return list(admitted(provider.capabilities()))


def fails(text):
    """Expect a failure that says this, and why it matters."""
    return pytest.raises(pytest.fail.Exception, match=f"(?s){re.escape(text)}.*Why it matters: .+")


def leaking(_, request):
    return Call.post(f"images?key={KEY.reveal()}", json={"prompt": request.prompt})


def astray(_, request):
    return Call.post("https://elsewhere.example/images", json={"prompt": request.prompt})


def picky(_, request):
    raise ValueError("no such size")


def forgetful(_, request):
    return Call.post("images", json={"prompt": request.prompt.strip("\n").replace('"', "'"), "size": "1024x1024"})


def sizeless(_, request):
    return Call.post("images", json={"prompt": request.prompt})


def square(_, request):
    return Call.post("images", json={"prompt": request.prompt, "width": 2048, "height": 2048})


def unsendable(_, request):
    return Call.post("images", json={"prompt": request.prompt, "sizes": {1, 2}})


def bodiless(_, request):
    return Call.post("images")


numbers = count()


def counting(_, request):
    return Call.post("images", json={"prompt": request.prompt, "seed": next(numbers)})


@pytest.mark.parametrize(
    ("encode", "test", "text"),
    [
        (picky, "test_every_admitted_request_can_be_written", "encode raised ValueError: no such size"),
        (unsendable, "test_every_admitted_request_can_be_written", "cannot be sent"),
        (bodiless, "test_every_admitted_request_can_be_written", "both or neither"),
        (astray, "test_calls_stay_at_home_and_hide_the_key", "does not trust host"),
        (leaking, "test_calls_stay_at_home_and_hide_the_key", "The key stands in the URL"),
        (counting, "test_encode_is_pure", "differ"),
        (forgetful, "test_the_prompt_arrives_whole", "The prompt is nowhere"),
        (sizeless, "test_references_arrive", "0 of 1 reference pictures"),
        (sizeless, "test_sizes_are_said_and_never_made_smaller", "says no size"),
        (forgetful, "test_sizes_are_said_and_never_made_smaller", "which is smaller"),
        (square, "test_sizes_are_said_and_never_made_smaller", "which is another shape"),
    ],
)
def test_what_is_written_wrong(encode, test, text):
    """Each mistake of `encode` is found by the test that is there for it."""
    provider = at(make(encode=encode), "https://upstream.test")

    with fails(text):
        getattr(kit, test)(provider, requests_for(provider))


MASKED = {"references": 1, "mask_formats": {"png"}}


def masked(_, request):
    images = [reference.data for reference in request.references]
    images += [request.mask.data] if request.mask else []
    return Call(
        method="POST",
        path="edits",
        form=[Part(name="image", value=data, filename="a.png", media_type="image/png") for data in images],
    )


@pytest.mark.parametrize(
    ("able", "encode", "text"),
    [
        (MASKED, Good.encode, "The mask is 0 times in the call"),
        ({"mask_formats": {"png"}}, masked, "formats of masks, and no reference pictures"),
        (MASKED, bodiless, "its reference 0 times"),
    ],
)
def test_a_mask_that_is_promised_and_not_sent(able, encode, text):
    """A whole picture would be changed."""
    provider = make(encode=encode, capabilities=lambda _: Capabilities(**able))

    with fails(text):
        kit.test_a_mask_arrives(at(provider, "https://upstream.test"))


def test_a_mask_that_is_sent_is_right():
    provider = make(encode=masked, capabilities=lambda _: Capabilities(**MASKED))

    kit.test_a_mask_arrives(at(provider, "https://upstream.test"))


def greedy(_, reply):
    return [reply.json.pop("picture")]


def fragile(_, reply):
    assert reply.json["picture"], "no picture"
    return [reply.json["picture"]]


def guessing(_, reply):
    return Failure(kind=FailureKind.SERVER_ERROR, message=f"It said {reply.json}.") if reply.status != 200 else None


@pytest.mark.parametrize(
    ("members", "test", "text"),
    [
        ({"decode": greedy}, "test_decode_survives_any_answer", "for the same answer"),
        ({"decode": fragile}, "test_decode_survives_any_answer", "decode raised AssertionError: no picture"),
        ({"classify": fragile}, "test_classify_survives_any_answer", "classify raised AssertionError"),
        ({"details": fragile}, "test_details_survive_any_answer", "details raised AssertionError"),
    ],
)
def test_what_is_read_wrong(members, test, text):
    """Each mistake in reading is found, with the answer that showed it."""
    with fails(text):
        getattr(kit, test)(make(**members))


@pytest.mark.parametrize(
    ("members", "test", "text"),
    [
        ({"credential": lambda self: self.settings.api_key.reveal()}, "test_the_key_is_not_shown", "The key stands"),
        (
            {"identity": property(lambda self: evolve(Good.identity.fget(self), account=f"a{next(numbers)}"))},
            "test_the_identity_is_constant",
            "changes",
        ),
        (
            {"capabilities": lambda _: Capabilities(references=next(numbers))},
            "test_capabilities_are_pure_and_cheap",
            "then",
        ),
    ],
)
def test_promises_that_are_not_kept(members, test, text):
    """A key on show, answers that change."""
    with fails(text):
        getattr(kit, test)(make(**members))


async def swallowing(self, request, attempt):
    """Answer the cancellation with a failure, and linger."""
    try:
        return await Good.generate(self, request, attempt)
    except asyncio.CancelledError:
        await asyncio.sleep(2.5)
        raise


@pytest.mark.slow  # a real router before a real socket
@pytest.mark.parametrize(
    ("members", "test", "arguments", "text"),
    [
        ({"decode": lambda *_: []}, "test_a_picture_arrives", (Kit.upstream,), "A healthy answer was not understood"),
        ({"classify": guessing}, "test_errors_are_understood", (429,), "429 saying"),
        ({"classify": guessing}, "test_hints_are_kept", (503,), "became the hint None"),
        ({}, "test_refusals_are_understood", (Kit.upstream,), "A refusal counts as empty"),
        ({"classify": guessing}, "test_a_spoiled_answer_is_told", ("a proxy's page",), "counts as server_error"),
        ({"capabilities": lambda _: Capabilities(size_tolerance=0.999)}, "test_a_ruined_picture_is_told",
         (Kit.upstream, "too small"), "Too small instead of an answer counts as None"),
    ],
)  # fmt: skip
def test_what_goes_wrong_on_the_wire(members, test, arguments, text):
    """Each is found by the test that is there for it."""
    with fails(text):
        getattr(kit, test)(make(**members), *arguments)


@pytest.mark.slow  # waits for what does not end
def test_a_provider_that_lingers():
    """Two seconds after the cancellation its task is named."""
    with fails("2 s after the cancellation there is still"):
        kit.test_cancelling_leaves_nothing(make(generate=swallowing))


@pytest.mark.slow  # a real router before a real socket
def test_a_failure_that_repeats_the_key(caplog, capfd):
    """What a plugin writes to the log itself is searched; the library takes the key out of everything else."""

    def quoting(provider, _):
        logging.getLogger("tested").warning(provider.settings.api_key.reveal())

    with fails("The key stands in the log"):
        kit.test_secrets_are_not_told(make(classify=quoting), caplog, capfd)


@pytest.mark.slow  # a thread and a router
@pytest.mark.parametrize("provider", [FakeProvider(), FakeProvider(silence())])
def test_providers_without_http(provider):
    """What is asked of HTTP providers is skipped, the rest holds."""
    kit.test_capabilities_make_sense(provider)
    kit.test_cancelling_leaves_nothing(provider)
    with pytest.raises(pytest.skip.Exception, match="does not speak HTTP"):
        Kit.http_provider.__wrapped__(kit, provider)


def test_sizes_are_found_in_any_words():
    """Sides, pixels, a class; in a form too."""
    assert size_in(Call.post("x", json={"a": [{"width": 100, "height": 50}]})) == Size.parse("100x50")
    assert size_in(Call.post("x", json={"size": "100*50"})) == Size.parse("100x50")
    assert size_in(Call.post("x", json={"size": {"class": "2k"}})) == Size("2K")
    assert size_in(Call.post("x", json={"prompt": "2K or 100x50"})) is None


def test_a_form_whose_file_has_no_type():
    """And one that is right passes: line ends and boundaries in a value do no harm."""

    def form(media_type):
        def encode(_, request):
            file = Part(name="image", value=b"\r\n--", filename="a.png", media_type=media_type)
            return Call.post("images", form=(Part(name="prompt", value=request.prompt), file))

        return encode

    right, wrong = make(encode=form("image/png")), make(encode=form(None))
    kit.test_forms_arrive_as_they_were_written(right, requests_for(right))
    with fails("has no media type"):
        kit.test_forms_arrive_as_they_were_written(wrong, requests_for(wrong))
    with pytest.raises(pytest.skip.Exception):
        kit.test_forms_arrive_as_they_were_written(make(), requests_for(make()))
