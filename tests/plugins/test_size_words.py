"""Every word for a size that a type knows, as its service documents it: the whole body, and nothing beside it."""

import json

import pytest

from pixroute.fit import fit
from pixroute.http.wire.outgoing import outgoing
from pixroute.plugins import load_plugins, resolve
from pixroute.request import ImageRequest
from pixroute.secret import Secret

PLUGINS = load_plugins()
WHERE = {"azure-openai": "https://one.openai.azure.com", "image-tasks": "https://tasks.example/v1"}


def body_of(type_, size, own):
    """Give the bytes that leave for a size: as a document, or a form's fields."""
    spec = PLUGINS.provider_type(type_)
    where = {"base_url": WHERE[type_]} if type_ in WHERE else {}
    provider = resolve(spec.create)(type_, spec.settings(api_key=Secret("sk-0123456789"), **where, **own))
    asked = fit(ImageRequest("A lighthouse", size=size), provider.capabilities()).request
    call = provider.encode(asked)
    if call.form is not None:
        return {part.name: part.value for part in call.form}
    return json.loads(outgoing(call, provider.endpoint, "one").body)


def gemini(**image):
    contents = [{"role": "user", "parts": [{"text": "A lighthouse"}]}]
    return {"contents": contents, "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": image}}


PROMPT = {"prompt": "A lighthouse"}
OPENROUTER = {"model": "google/gemini-3-pro-image", **PROMPT}
FAL = {**PROMPT, "num_images": 1}
XAI = {"model": "grok-imagine-image", **PROMPT, "n": 1, "response_format": "b64_json"}
QWEN = {
    "model": "qwen-image-2.0",
    "input": {"messages": [{"role": "user", "content": [{"text": "A lighthouse"}]}]},
}
APIMART = {"preset": "apimart", "model": "gemini-3-pro-image"}
APIMART_BODY = {"model": "gemini-3-pro-image", **PROMPT, "n": 1}
VERTEX = {"project": "one"}
PRO = {"model": "fal-ai/nano-banana-pro"}

WORDS = [
    *(("openrouter", {}, size, {**OPENROUTER, "resolution": size}) for size in ("1K", "2K", "4K")),
    ("openrouter", {}, "4K 21:9", {**OPENROUTER, "resolution": "4K", "aspect_ratio": "21:9"}),
    *(("fal", PRO, size, {**FAL, "resolution": size}) for size in ("1K", "2K", "4K")),
    ("fal", {}, "1K", {**FAL, "image_size": {"width": 1024, "height": 1024}}),
    *(("vertex", VERTEX, size, gemini(imageSize=size)) for size in ("1K", "2K", "4K")),
    ("vertex", VERTEX, "4K 9:16", gemini(imageSize="4K", aspectRatio="9:16")),
    ("azure-openai", {}, "1K", {**PROMPT, "size": "1024x1024", "n": 1}),
    ("azure-openai", {}, "2K", {**PROMPT, "size": "2048x2048", "n": 1}),
    ("azure-openai", {"model": "gpt-image-1"}, "1K 3:2", {**PROMPT, "size": "1536x1024", "n": 1}),
    ("xai", {}, "1K", {**XAI, "resolution": "1k"}),
    ("xai", {}, "2K", {**XAI, "resolution": "2k"}),
    ("xai", {}, "2K 3:4", {**XAI, "resolution": "2k", "aspect_ratio": "3:4"}),
    ("replicate", {}, "1K", {"input": PROMPT}),
    ("replicate", {}, "1K 3:2", {"input": {**PROMPT, "aspect_ratio": "3:2"}}),
    ("bfl", {}, "1K", {**PROMPT, "width": 1024, "height": 1024}),
    ("bfl", {}, "2K", {**PROMPT, "width": 2048, "height": 2048}),
    ("stability", {}, "1K", PROMPT),
    ("stability", {}, "1K 16:9", {**PROMPT, "aspect_ratio": "16:9"}),
    ("dashscope", {}, "1K", {**QWEN, "parameters": {"size": "1024*1024", "n": 1}}),
    ("dashscope", {}, "2K", {**QWEN, "parameters": {"size": "2048*2048", "n": 1}}),
    ("image-tasks", {}, "1K", {"model": "gpt-image-2", **PROMPT, "n": 1, "size": "1024x1024"}),
    *(
        ("image-tasks", APIMART, f"{size} 1:1", {**APIMART_BODY, "size": "1:1", "resolution": size})
        for size in ("1K", "2K", "4K")
    ),
]


@pytest.mark.parametrize(("type_", "own", "size", "body"), WORDS, ids=lambda one: one if isinstance(one, str) else "")
def test_each_size_word_is_said_as_documented(type_, own, size, body):
    assert body_of(type_, size, own) == body
