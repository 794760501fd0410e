from __future__ import annotations

import json
from typing import Any

import pytest

from pixroute.config.schema import json_schema
from pixroute.plugins import load_plugins
from pixroute.policy import Policy
from pixroute.values import field_kinds


@pytest.fixture(scope="module")
def schema(plugins) -> dict[str, Any]:
    return json_schema(plugins)


def test_it_is_json():
    """The schema of the built-in plugins can be written to a file."""
    assert json.loads(json.dumps(json_schema(load_plugins())))["title"] == "pixroute"


def test_each_type_has_its_own_settings(schema):
    """A provider's table is told apart by its type and knows the plugin's own fields."""
    types = {
        one["properties"]["type"]["const"]: one
        for one in schema["properties"]["providers"]["additionalProperties"]["oneOf"]
    }

    assert list(types) == ["acme", "needy", "crashing", "lazy"]
    assert types["needy"]["required"] == ["type", "room"]
    assert types["acme"]["properties"]["api"] == {
        "enum": ["images", "native"],
        "description": "which of its two dialects, both of which work.",
        "default": "images",
    }


def test_the_policy_says_range_default_and_meaning(schema):
    """A number has its bounds, its default and the sentence of the class's docstring."""
    assert schema["properties"]["policy"]["properties"]["max_attempts"] == {
        "type": "integer",
        "minimum": 1,
        "description": "attempts on the wire per part, the first included.",
        "default": 12,
    }


def test_a_chain_does_not_offer_what_is_shared(schema):
    """A chain's table has no breaker and no connect_timeout."""
    table = schema["properties"]["chains"]["additionalProperties"]["anyOf"][1]

    assert table["properties"].keys() == field_kinds(Policy).keys() - {"breaker", "connect_timeout"} | {"providers"}


def test_unknown_keys_are_refused_everywhere(schema):
    """Every object either lists its properties and admits no other, or says what its values are."""

    def objects(node: Any):
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        if isinstance(node, dict) and node.get("type") == "object":
            yield node
        for one in inner:
            yield from objects(one)

    assert all(one["additionalProperties"] is False or one["additionalProperties"] for one in objects(schema))
