"""What holds for every provider type, whatever it is asked and whatever it is answered."""

import json
from io import BytesIO
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pixroute.fit import Unfit, fit
from pixroute.http.body.blob import Blob
from pixroute.http.call import Call, Details, Reply
from pixroute.outcome import Failure
from pixroute.request import RESOLUTIONS, ImageRequest, Reference, Size
from pixroute.secret import Secret
from pixroute_gemini.provider import Gemini, GeminiSettings
from pixroute_nano_banana.provider import NanoBananaProHttpsSettings, create
from pixroute_openai.provider import OpenAIImages, OpenAIImagesSettings
from pixroute_seedream.provider import Seedream, SeedreamSettings

KEY = Secret("sk-test")
PROVIDERS = {
    "nano banana, images": create("p", NanoBananaProHttpsSettings(api_key=KEY)),
    "nano banana, native": create("p", NanoBananaProHttpsSettings(api_key=KEY, api="native")),
    "seedream 4.5": Seedream("p", SeedreamSettings(api_key=KEY)),
    "seedream 4.0, series": Seedream(
        "p", SeedreamSettings(api_key=KEY, via="ark", model="seedream-4-0-250828", sequential=True)
    ),
    "seedream 5.0 pro": Seedream("p", SeedreamSettings(api_key=KEY, model="seedream-5-0-pro-260628")),
    "gemini": Gemini("p", GeminiSettings(api_key=KEY)),
    "gpt-image-2": OpenAIImages("p", OpenAIImagesSettings(api_key=KEY)),
    "gpt-image-1.5": OpenAIImages("p", OpenAIImagesSettings(api_key=KEY, model="gpt-image-1.5")),
    "listed sizes": OpenAIImages(
        "p", OpenAIImagesSettings(api_key=KEY, model="m", sizes=("1376x768", "701x1000", "4096x4096"))
    ),
}
every_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)

sides, terms = st.integers(10, 32_768), st.integers(1, 999)
sizes = st.one_of(
    st.builds(Size, st.sampled_from(["1K", "2K", "4K"]), st.none() | st.tuples(terms, terms)),
    st.tuples(sides, sides).map(lambda pair: Size.parse(f"{pair[0]}x{pair[1]}")),
    st.sampled_from([f"{r} {w}:{h}" for r, (w, h) in product(RESOLUTIONS[:3], [(16, 9), (3, 2), (4, 5)])]).map(
        Size.parse
    ),
)
requests = st.builds(
    ImageRequest,
    st.text(min_size=1, max_size=20).filter(str.strip),
    size=st.none() | sizes,
    n=st.integers(1, 15),
    references=st.lists(st.builds(Reference, data=st.binary(max_size=12), media_type=st.none()), max_size=3),
    output_format=st.sampled_from([None, "png", "jpeg", "webp"]),
)


def blob(data):
    return Blob(prefix="", suffix="", size=len(data), sink=BytesIO(data))


words = st.sampled_from(
    [
        *["data", "b64_json", "url", "error", "code", "message", "usage", "model"],
        *["candidates", "content", "parts", "inlineData", "text", "thought", "finishReason"],
        *["promptFeedback", "blockReason", "usageMetadata", "modelVersion"],
    ]
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | words | st.binary().map(blob),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.slow  # a hundred examples
@every_provider
@given(request=requests)
def test_encode_is_pure_and_never_raises(provider, request):
    """Whatever `fit` admits is asked, twice the same, and is JSON or a form of text and bytes."""
    fitted = fit(request, provider.capabilities())
    assume(not isinstance(fitted, Unfit))

    call = provider.encode(fitted.request)

    assert isinstance(call, Call)
    assert call == provider.encode(fitted.request)
    assert (call.json is None) != (call.form is None)
    assert json.loads(json.dumps(call.json)) == call.json


@pytest.mark.slow  # a hundred examples
@every_provider
@given(document=documents, status=st.sampled_from([200, 202, 400, 403, 429, 500]))
def test_no_answer_surprises_refusal_or_details(provider, document, status):
    """Both are asked about every answer; neither raises."""
    reply = Reply(status=status, headers={}, json=document)

    assert isinstance(provider._refusal(reply), Failure | None)
    assert isinstance(provider.details(reply), Details)


@pytest.mark.slow  # a hundred examples
@every_provider
@given(document=documents)
def test_decode_raises_what_counts_as_empty_and_nothing_else(provider, document):
    """A KeyError, IndexError, TypeError or ValueError means: no picture; anything else would be a bug."""
    try:
        items = provider.decode(Reply(status=200, headers={}, json=document))
    except (KeyError, IndexError, TypeError, ValueError):
        return

    assert all(isinstance(item, Blob | str | Failure) for item in items)
