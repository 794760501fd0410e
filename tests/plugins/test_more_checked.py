"""`pixroute check` finds the usual mistakes in the base URL and the key of each of the newer types."""

import pytest

from pixroute.config.build import build
from pixroute.config.check import examine
from pixroute.config.load import structure
from pixroute.plugins import PluginsOnDemand

GOOD = {
    "openrouter": "sk-or-0123456789",
    "fal": "0123456789:abcdef",
    "replicate": "r8_0123456789",
    "bfl": "0123456789ab",
}
GOOD["stability"] = "sk-0123456789"


def told(tmp_path, type_, **settings):
    mapping = {
        "chains": {"default": ["one"]},
        "providers": {"one": {"type": type_, "api_key": GOOD[type_], **settings}},
    }
    found = examine(build(structure(mapping, PluginsOnDemand(), base=tmp_path)))
    return [f"{one.message} {one.fix}" for one in found if one.path.startswith("providers.one")]


@pytest.mark.parametrize("type_", GOOD)
def test_what_is_right_is_not_warned_of(tmp_path, type_):
    assert [one for one in told(tmp_path, type_) if "key" in one.split() or "http" in one] == []


@pytest.mark.parametrize(
    ("type_", "base_url", "right"),
    [
        ("openrouter", "https://openrouter.ai/api/v1/images", "say https://openrouter.ai/api/v1"),
        ("openrouter", "https://openrouter.ai/v1", "say https://openrouter.ai/api/v1"),
        ("openrouter", "https://openrouter.ai", "say https://openrouter.ai/api/v1"),
        ("fal", "https://queue.fal.run/v1", "say https://queue.fal.run"),
        ("fal", "https://fal.run", "queue.fal.run"),
        ("replicate", "https://api.replicate.com", "say https://api.replicate.com/v1"),
        ("replicate", "https://api.replicate.com/v1/models", "say https://api.replicate.com/v1"),
        ("bfl", "https://api.bfl.ai", "say https://api.bfl.ai/v1"),
        ("bfl", "https://api.eu.bfl.ai/v2", "say https://api.eu.bfl.ai/v1"),
        ("stability", "https://api.stability.ai/v1", "say https://api.stability.ai/v2beta"),
        ("stability", "https://api.stability.ai", "say https://api.stability.ai/v2beta"),
    ],
)
def test_a_base_url_that_is_wrong(tmp_path, type_, base_url, right):
    assert any(right in one for one in told(tmp_path, type_, base_url=base_url))


@pytest.mark.parametrize(
    ("type_", "key"),
    [
        ("openrouter", "sk-ant-0123456789"),
        ("fal", "r8_0123456789"),
        ("replicate", "sk-or-0123456789"),
        ("bfl", "sk-0123456789"),
        ("stability", "r8_0123456789"),
    ],
)
def test_a_key_of_another_provider(tmp_path, type_, key):
    assert any("another provider's key" in one for one in told(tmp_path, type_, api_key=key))
