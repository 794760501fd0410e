"""Gemini's dialect: what is asked, and every shape of answer (upstreams §2)."""

import re
from io import BytesIO

import pytest

from pixroute.dialects import gemini
from pixroute.http.body.blob import Blob
from pixroute.http.call import Call, Details, Reply
from pixroute.outcome import FailureKind
from pixroute.request import ImageRequest


def reply(document, status=200):
    return Reply(status=status, headers={}, json=document)


def candidate(*parts, reason="STOP"):
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "finishReason": reason, "index": 0}]}


def inline(data, **more):
    return {"inlineData": {"mimeType": "image/png", "data": data}, **more}


def blob(prefix="", suffix=""):
    return Blob(prefix=prefix, suffix=suffix, size=4, sink=BytesIO(b"data"))


def test_a_wish_is_a_text_part_with_shape_and_class():
    """Exactly the documented request: camelCase, capital K, pictures only."""
    call = gemini.call(ImageRequest("A cat", size="4K 16:9"), root="v1beta/", model="gemini-3-pro-image")

    assert call == Call.post(
        "v1beta/models/gemini-3-pro-image:generateContent",
        json={
            "contents": [{"role": "user", "parts": [{"text": "A cat"}]}],
            "generationConfig": {
                "responseModalities": ["IMAGE"],
                "imageConfig": {"aspectRatio": "16:9", "imageSize": "4K"},
            },
        },
    )


def test_references_are_inline_and_lend_their_shape():
    """No shape asked is no shape sent: the model then follows the last reference."""
    call = gemini.call(ImageRequest("A cat", size="2K", references=[b"\xff\xd8\xffjpeg"]), model="m")

    assert call.json["contents"][0]["parts"] == [
        {"text": "A cat"},
        {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/anBlZw=="}},
    ]
    assert call.json["generationConfig"]["imageConfig"] == {"imageSize": "2K"}


def test_no_size_leaves_all_to_the_model():
    """Neither shape nor class is made up."""
    call = gemini.call(ImageRequest("A cat"), model="m")

    assert call.json["generationConfig"]["imageConfig"] == {}


def in_snake_case(value):
    """The document as Google's SDK passes it on."""
    if isinstance(value, dict):
        return {re.sub("[A-Z]", r"_\g<0>", name).lower(): in_snake_case(item) for name, item in value.items()}
    return [in_snake_case(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "document",
    [
        candidate({"text": "Hm.", "thought": True}, inline("b25l", thought=True)),
        candidate(inline("ZHJhZnQ=", thought=True), inline("b25l", thought=True), {"text": "Here it is."}),
        {"candidates": [{"content": None}, {"content": {"parts": [inline("b25l")]}}]},
        {"candidates": [candidate()["candidates"][0], {**candidate(inline("b25l"))["candidates"][0], "index": 1}]},
        [candidate({"text": "Here"}, reason=None), candidate(inline("b25l")), candidate({"text": "it is."})],
        {"response": candidate(inline("b25l"))},
        {"candidates": [{"content": {"parts": inline("b25l")}}]},
    ],
    ids=["thought", "last thought", "second candidate", "its index", "chunks", "wrapped", "no list"],
)
@pytest.mark.parametrize("spelt", [lambda document: document, in_snake_case], ids=["camel", "snake"])
def test_the_only_picture_is_taken_wherever_it_lies(document, spelt):
    """A preference for parts that are no thought is no filter; relays spell and nest in their own ways."""
    document = spelt(document)

    assert gemini.refusal(reply(document)) is None
    assert gemini.pictures(reply(document)) == ["b25l"]


def test_a_refusal_is_read_in_snake_case():
    """`finish_reason` declines as `finishReason` does."""
    document = in_snake_case(candidate(reason="IMAGE_SAFETY"))

    assert gemini.refusal(reply(document)).kind is FailureKind.MODERATED


LAST = blob()
IN_TEXT = blob("![image](data:image/png;base64,", ")")
OSS = "https://bucket.oss-us-west-1.aliyuncs.com/a.png?Expires=1&Signature=x"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([inline("aGk=")], "aGk="),
        ([{"text": "Here it is."}, inline(LAST, thoughtSignature="EsQC")], LAST),
        ([inline("b25l"), {"text": "Here it is."}], "b25l"),
        ([inline("ZHJhZnQ=", thoughtSignature="x"), inline("b25l", thoughtSignature="y")], "b25l"),
        ([inline("b25l"), inline("dGhvdWdodA==", thought=True)], "b25l"),
        ([{"text": "Here is the picture."}, {"text": OSS}], OSS),
        ([{"text": f"Here is the picture:\n  {OSS} \n"}], OSS),
        ([{"text": f"![image]({OSS})"}], OSS),
        ([{"text": "![image](data:image/png;base64,aGk=)"}], "data:image/png;base64,aGk="),
        ([{"text": IN_TEXT}], IN_TEXT),
        ([{"text": OSS}, inline("b25l")], "b25l"),
        ([{"inlineData": None, "text": None}, inline("b25l")], "b25l"),
    ],
)
def test_the_picture_is_the_last_that_is_no_thought(parts, expected):
    """One picture out of drafts, thoughts, text parts with URLs and Markdown."""
    document = candidate(*parts)

    assert gemini.refusal(reply(document)) is None
    assert gemini.pictures(reply(document)) == [expected]


def test_drafts_and_long_signatures_are_discarded():
    """What is not the picture gives its memory, or its file, back."""
    draft, signature, picture = blob(), blob(), blob()

    gemini.pictures(reply(candidate(inline(draft, thoughtSignature=signature), inline(picture))))

    assert draft.sink.closed
    assert signature.sink.closed
    assert not picture.sink.closed


@pytest.mark.parametrize(
    ("document", "kind", "code"),
    [
        (
            {"candidates": [{"content": {"parts": None}, "finishReason": "NO_IMAGE", "index": 0}]},
            FailureKind.EMPTY,
            "NO_IMAGE",
        ),
        (
            {"candidates": [{"content": {}, "finishReason": "IMAGE_SAFETY", "finishMessage": "Unable."}]},
            FailureKind.MODERATED,
            "IMAGE_SAFETY",
        ),
        (
            {"candidates": [{"content": {"role": "model"}, "finishReason": "IMAGE_OTHER"}]},
            FailureKind.EMPTY,
            "IMAGE_OTHER",
        ),
        (
            {"candidates": None, "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}},
            FailureKind.MODERATED,
            "PROHIBITED_CONTENT",
        ),
        ({"candidates": None, "promptFeedback": {"blockReason": "OTHER"}}, FailureKind.MODERATED, "OTHER"),
        (candidate({"text": "I can't create that, see https://policies.example."}), FailureKind.EMPTY, "STOP"),
        (candidate(inline("ZHJhZnQ="), reason="IMAGE_SAFETY"), FailureKind.MODERATED, "IMAGE_SAFETY"),
        (candidate(reason="MAX_TOKENS"), FailureKind.EMPTY, "MAX_TOKENS"),
        (candidate(reason="SOMETHING_NEW"), FailureKind.EMPTY, "SOMETHING_NEW"),
        ({}, FailureKind.EMPTY, None),
        ([], FailureKind.EMPTY, None),
        ({"candidates": [{"content": {"parts": 3}}]}, FailureKind.EMPTY, None),
    ],
)
def test_a_200_without_a_picture_says_why(document, kind, code):
    """Every refusal and every emptiness under 200 (upstreams §2.5)."""
    failure = gemini.refusal(reply(document))

    assert failure
    assert (failure.kind, failure.code) == (kind, code)


@pytest.mark.parametrize("reason", sorted(gemini.REFUSALS))
@pytest.mark.parametrize("where", ["finishReason", "blockReason"])
def test_every_refusing_reason_is_moderated(reason, where):
    """The enums are open; these names decline the content wherever they stand."""
    document = (
        {"candidates": [{"finishReason": reason}]}
        if where == "finishReason"
        else {"promptFeedback": {"blockReason": reason}}
    )

    failure = gemini.refusal(reply(document))

    assert failure
    assert failure.kind is FailureKind.MODERATED


ERROR = {"error": {"code": 503, "message": "The model is overloaded."}}


@pytest.mark.parametrize(("document", "status"), [(ERROR, 503), (ERROR, 200), ([ERROR], 200), (None, 404)])
def test_errors_are_not_its_matter(document, status):
    """Under whatever status: the library knows them in every dialect."""
    assert gemini.refusal(reply(document, status=status)) is None


def test_no_picture_is_a_value_error():
    """`pictures` says so by an exception that counts as EMPTY."""
    with pytest.raises(ValueError, match="no picture"):
        gemini.pictures(reply({"candidates": []}))


def test_details_tell_version_and_tokens():
    """The model that answered, and its tokens as they came."""
    document = {**candidate(), "modelVersion": "gemini-3-pro-image", "usageMetadata": {"totalTokenCount": 3}}

    assert gemini.details(reply(document)) == Details(model="gemini-3-pro-image", usage={"totalTokenCount": 3})
