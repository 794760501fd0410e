"""What is usually wrong with the `base_url` and the key of each provider type, and what `check` says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixroute.config.build import build
from pixroute.config.check import examine, mistakes
from pixroute.config.load import structure
from pixroute.errors import ConfigError
from pixroute.plugins import load_plugins

PLUGINS = load_plugins()
RIGHT = {
    "openai-images": ("https://api.openai.com", "/v1", "sk-0123456789"),
    "gemini": ("https://generativelanguage.googleapis.com", "/v1beta", "AIza0123456789"),
    "nano-banana-pro-https": ("https://api.apiyi.com", "", "sk-0123456789"),
    "seedream": ("https://api.apiyi.com", "/v1", "sk-0123456789"),
    "openrouter": ("https://openrouter.ai", "/api/v1", "sk-or-0123456789"),
    "fal": ("https://queue.fal.run", "", "01234567:89abcdef"),
    "vertex": ("https://aiplatform.googleapis.com", "/v1beta1", "ya29.0123456789"),
    "azure-openai": ("https://one.openai.azure.com", "", "0123456789abcdef"),
    "xai": ("https://api.x.ai", "/v1", "xai-0123456789"),
    "replicate": ("https://api.replicate.com", "/v1", "r8_0123456789"),
    "bfl": ("https://api.bfl.ai", "/v1", "0123456789abcdef"),
    "stability": ("https://api.stability.ai", "/v2beta", "sk-0123456789"),
    "dashscope": ("https://dashscope-intl.aliyuncs.com", "/api/v1", "sk-0123456789"),
    "image-tasks": ("https://api.tasks.example", "/v1", "sk-0123456789"),
}
"""Address, path and a key of the right form, by type; `nano-banana-pro-http` is for one port of plain HTTP alone."""
NEEDED = {"vertex": {"project": "one"}}
ROUTES = {
    "openai-images": "/images/generations",
    "gemini": "/models/gemini-3-pro-image:generateContent",
    "nano-banana-pro-https": "/v1/images/generations",
    "seedream": "/images/generations",
    "openrouter": "/images",
    "fal": "/fal-ai/flux/dev",
    "vertex": "/projects/one/locations/global/publishers/google/models/gemini-3-pro-image:generateContent",
    "azure-openai": "/openai/deployments/one/images/generations",
    "xai": "/images/edits",
    "replicate": "/models/black-forest-labs/flux-schnell/predictions",
    "bfl": "/flux-2-pro",
    "stability": "/stable-image/generate/core",
    "dashscope": "/services/aigc/multimodal-generation/generation",
    "image-tasks": "/images/generations/async",
}
"""What stands in each service's documents as an address to POST to."""
VERSIONED = sorted(type_ for type_, (_, path, _) in RIGHT.items() if path)
UNVERSIONED = sorted(RIGHT.keys() - set(VERSIONED))


def found(type_: str, base_url: str | None = None, key: str | None = None, **own: object) -> list[str]:
    """Check a configuration of one provider; give what is found of its address, its key and itself."""
    host, path, right_key = RIGHT[type_]
    said = {"type": type_, "base_url": host + path if base_url is None else base_url, "api_key": {"env": "KEY"}}
    mapping = {"chains": {"default": ["a"]}, "providers": {"a": {**said, **NEEDED.get(type_, {}), **own}}}
    try:
        built = build(structure(mapping, PLUGINS, base=Path(), env={"KEY": key or right_key}))
    except ConfigError as error:
        return [f"{one.path}: {one.message}" for one in mistakes(error.problems)]
    places = {"providers.a", "providers.a.base_url", "providers.a.api_key"}
    return [f"{one.path}: {one.message}; {one.fix}" for one in examine(built) if one.path in places]


def test_every_type_is_looked_at():
    """A type that comes new has its rows here."""
    assert RIGHT.keys() | {"nano-banana-pro-http"} == PLUGINS.providers.keys()
    assert ROUTES.keys() == RIGHT.keys()


@pytest.mark.parametrize("type_", RIGHT)
@pytest.mark.parametrize("end", ["", "/"])
def test_what_is_right_is_not_found_wrong(type_, end):
    host, path, _ = RIGHT[type_]

    assert found(type_, host + path + end) == []


@pytest.mark.parametrize("type_", VERSIONED)
def test_a_version_left_out(type_):
    host, path, _ = RIGHT[type_]
    default = "/api/v1" if type_ in {"openrouter", "dashscope"} else path

    (one,) = found(type_, host)

    assert one == f"providers.a.base_url: {host} names no version, such as {default}; say {host}{default}"


@pytest.mark.parametrize("type_", VERSIONED)
def test_a_version_said_twice(type_):
    host, path, _ = RIGHT[type_]

    (one,) = found(type_, f"{host}{path}/{path.rpartition('/')[2]}")

    assert one.endswith(f"names a version twice; say {host}{path}")


@pytest.mark.parametrize("type_", ["nano-banana-pro-https", "azure-openai"])
def test_a_version_where_none_belongs(type_):
    """It is added to the address."""
    host, _, _ = RIGHT[type_]

    (one,) = found(type_, f"{host}/v1")

    assert one.endswith(f"names a version, which is added to it; say {host}")


@pytest.mark.parametrize("type_", RIGHT)
def test_a_whole_route(type_):
    """As it is copied from the service's documents."""
    host, path, _ = RIGHT[type_]

    (one,) = found(type_, host + path + ROUTES[type_])

    assert one.startswith("providers.a.base_url: ")
    assert one.endswith(f"names a route, which is added to it; say {host}{path}")


@pytest.mark.parametrize("type_", RIGHT)
def test_http_where_https_is_meant(type_):
    """The key would travel in clear."""
    host, path, _ = RIGHT[type_]

    (one,) = found(type_, host.replace("https", "http") + path)

    assert "the key would travel in clear; use https://" in one


@pytest.mark.parametrize("type_", RIGHT)
def test_a_query_in_the_address(type_):
    """It would stand before the path of every call."""
    host, path, _ = RIGHT[type_]

    (one,) = found(type_, f"{host}{path}?api-version=1")

    assert "`base_url` carries a query" in one


@pytest.mark.parametrize("type_", sorted(RIGHT.keys() - {"image-tasks"}))
@pytest.mark.parametrize("key", ["hf_0123456789", "gsk_0123456789"])
def test_the_key_of_another_service(type_, key):
    """Whoever answers at an aggregator of one's own is not known, so nothing is said there."""
    (one,) = found(type_, key=key)

    assert one.startswith(f"providers.a.api_key: the key begins with {key.partition('_')[0]}_, as those of ")


@pytest.mark.parametrize(
    ("type_", "key", "due"),
    [
        ("xai", "0123456789", "xai-"),
        ("openrouter", "0123456789", "sk-or-"),
        ("replicate", "0123456789", "r8_"),
        ("vertex", "0123456789", "ya29."),
    ],
)
def test_a_key_without_the_beginning_of_its_service(type_, key, due):
    (one,) = found(type_, key=key)

    assert f"the key does not begin with {due}" in one


@pytest.mark.parametrize("type_", RIGHT)
def test_the_scheme_of_a_header_before_the_key(type_):
    found_ = found(type_, key=f"Bearer {RIGHT[type_][2]}")

    assert any("the key begins with `Bearer`, which is added where it is needed" in one for one in found_)


@pytest.mark.parametrize(
    ("type_", "own", "sentence"),
    [
        ("azure-openai", {"base_url": ""}, "`base_url` is missing; give the resource's, https://NAME.openai.azure.com"),
        ("azure-openai", {"model": ""}, "`model` is missing; give the deployment's name"),
        (
            "azure-openai",
            {"base_url": "https://one.openai.azure.com/openai/v1"},
            "names a version, which is added to it",
        ),
        ("vertex", {"project": ""}, "`project` is missing; give the Google Cloud project's id"),
        (
            "vertex",
            {"base_url": "https://europe-west4-aiplatform.googleapis.com/v1beta1", "location": "us-central1"},
            "say location as base_url does, or leave base_url out: it is not us-central1's",
        ),
        ("replicate", {"model": "flux-schnell"}, "`model` is 'flux-schnell'; give owner/name, or the id of a version"),
        ("fal", {"base_url": "https://fal.run"}, 'say base_url = "https://queue.fal.run"'),
        (
            "dashscope",
            {"base_url": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"},
            "does not end with /api/v1; say https://dashscope-intl.aliyuncs.com/api/v1",
        ),
        ("stability", {"base_url": "https://api.stability.ai/v1"}, "say https://api.stability.ai/v2beta"),
        ("gemini", {"base_url": "https://generativelanguage.googleapis.com/v1beta/openai"}, "names a route"),
        ("image-tasks", {"base_url": "https://api.tasks.example/v1/tasks/one"}, "say https://api.tasks.example/v1"),
        ("bfl", {"base_url": "https://api.bfl.ai/v1/get_result"}, "say https://api.bfl.ai/v1"),
    ],
)
def test_what_only_one_of_them_wants(type_, own, sentence):
    (one,) = found(type_, **own)

    assert sentence in one
