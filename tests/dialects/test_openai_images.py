"""OpenAI's images dialect: what is asked, and every shape of answer (upstreams §1, §3.2, §3.3, §4.4)."""

from io import BytesIO

import pytest

from pixroute.dialects import openai_images
from pixroute.http.body.blob import Blob
from pixroute.http.call import Call, Details, Part, Reply
from pixroute.outcome import Failure, FailureKind
from pixroute.request import ImageRequest, Reference

PNG = b"\x89PNG\r\n\x1a\n"
SENSITIVE = {"code": "OutputImageSensitiveContentDetected", "message": "The output image may be sensitive."}


def reply(document, status=200):
    return Reply(status=status, headers={}, json=document)


def blob(prefix=""):
    return Blob(prefix=prefix, suffix="", size=4, sink=BytesIO(b"data"))


def test_a_wish_without_references_is_json():
    """Model and prompt come first, fields that are None not at all."""
    call = openai_images.call(ImageRequest("A cat"), root="v1/", model="m", size="1024x1024", n=2, response_format=None)

    assert call == Call.post(
        "v1/images/generations", json={"model": "m", "prompt": "A cat", "size": "1024x1024", "n": 2}
    )


def test_one_reference_is_a_form_with_a_file():
    """A single picture is called `image`, its type is sniffed where nobody declared it."""
    call = openai_images.call(ImageRequest("A cat", references=[PNG]), model="m", n=1)

    assert call.path == "images/edits"
    assert call.json is None
    assert call.form == (
        Part(name="model", value="m"),
        Part(name="prompt", value="A cat"),
        Part(name="n", value="1"),
        Part(name="image", value=PNG, filename="reference-1.png", media_type="image/png"),
    )


def test_several_references_are_an_array():
    """Several pictures are called `image[]`, in order."""
    references = [Reference(data=b"one", media_type="image/jpeg"), Reference(data=b"two", media_type="image/webp")]
    call = openai_images.call(ImageRequest("A cat", references=references), model="m")

    assert call.form
    assert [(part.name, part.value, part.filename) for part in call.form[2:]] == [
        ("image[]", b"one", "reference-1.jpeg"),
        ("image[]", b"two", "reference-2.webp"),
    ]


BLOB = blob()
DATA_URI = blob("data:image/png;base64,")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"created": 1, "data": [{"b64_json": "aGk="}]}, ["aGk="]),
        ({"created": 1, "data": [{"b64_json": BLOB}], "usage": None}, [BLOB]),
        ({"data": [{"b64_json": "data:image/png;base64,aGk="}]}, ["data:image/png;base64,aGk="]),
        ({"data": [{"url": DATA_URI}]}, [DATA_URI]),
        ({"data": [{"url": "https://a/1.png", "size": "2048x2048"}]}, ["https://a/1.png"]),
        ({"data": [{"b64_json": None, "url": "https://a/1.png"}]}, ["https://a/1.png"]),
        ({"data": [{"b64_json": "", "url": "https://a/1.png"}]}, ["https://a/1.png"]),
        ({"data": [{"url": "https://a/1"}, {"url": "https://a/2"}], "error": None}, ["https://a/1", "https://a/2"]),
    ],
)
def test_pictures_are_base64_or_urls_whatever_was_asked(document, expected):
    """Every documented entry of `data` is read as it is."""
    assert openai_images.pictures(reply(document)) == expected


def test_a_refused_item_stands_in_its_place():
    """A moderated item does not lose the picture beside it (upstreams §4.4)."""
    first, second = openai_images.pictures(reply({"data": [{"url": "https://a/1"}, {"error": SENSITIVE}]}))

    assert first == "https://a/1"
    assert isinstance(second, Failure)
    assert second.kind is FailureKind.MODERATED


@pytest.mark.parametrize("item", [{}, {"b64_json": None}, {"revised_prompt": "A cat"}, None, 3, "text"])
def test_an_entry_without_a_picture_is_empty(item):
    """Whatever else stands in `data` costs nobody the other pictures."""
    (failure,) = openai_images.pictures(reply({"data": [item]}))

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.EMPTY


def test_an_entry_without_a_picture_is_an_answer_and_has_advice():
    """The origin answered, whatever it said; and a person is told what to do."""
    (failure,) = openai_images.pictures(reply({"data": [{"b64_json": None}]}))

    assert isinstance(failure, Failure)
    assert failure.answered
    assert failure.advice


def test_details_tell_model_usage_and_rewritten_prompts():
    """One prompt for every entry, None where it was not rewritten."""
    document = {
        "model": "seedream-4-5-251128",
        "data": [{"url": "u", "revised_prompt": "A fine cat"}, {"url": "u"}],
        "usage": {"total_tokens": 3},
    }

    assert openai_images.details(reply(document)) == Details(
        model="seedream-4-5-251128", usage={"total_tokens": 3}, revised_prompts=("A fine cat", None)
    )


def test_details_of_an_aggregators_answer_are_empty():
    """`usage: null` and a missing model are None, not an error."""
    assert openai_images.details(reply({"created": 1, "data": [], "usage": None})) == Details()


PARTIAL = {"type": "image_generation.partial_image", "b64_json": "cHJldmlldw==", "partial_image_index": 0}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([PARTIAL, {"type": "image_generation.completed", "b64_json": "b25l"}], ["b25l"]),
        ([PARTIAL, {"type": "image_edit.partial_image", "b64_json": "bGFzdA=="}], ["bGFzdA=="]),
        ([PARTIAL, {"created": 1, "data": [{"b64_json": "b25l"}]}], ["b25l"]),
        ({"type": "image_generation.completed", "b64_json": "b25l"}, ["b25l"]),
        ({"data": {"url": "https://a.example/1.png"}}, ["https://a.example/1.png"]),
        ({"code": 0, "msg": "success", "data": {"images": [{"b64_json": "b25l"}]}}, ["b25l"]),
        ({"images": [{"image_url": {"url": "https://a.example/1.png"}}]}, ["https://a.example/1.png"]),
        ({"data": ["https://a.example/1.png"]}, ["https://a.example/1.png"]),
    ],
)
def test_a_picture_is_found_in_streams_and_other_nestings(document, expected):
    """Previews count only where nothing else came."""
    assert openai_images.pictures(reply(document)) == expected
