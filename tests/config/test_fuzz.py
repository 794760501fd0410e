from __future__ import annotations

import copy
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixroute.config.load import read_toml, structure
from pixroute.errors import ConfigError, Problem

WORDS = [
    *("chains", "rules", "providers", "policy", "observers", "default", "a", "b", "acme", "type", "when", "chain"),
    *("api_key", "env", "file", "KEY", "attempt_timeout", "1K", "2K", "4K", "other", "price", "currency", "latency"),
    *("retry", "breaker", "rounds", "max_failures", "max_cost", "resolution", "tags", "headers", "counter", "off"),
    *("budgets", "shared", "serve", "store", "limit", "per", "models", "any", "spread", "port", "signing_key"),
]
GOOD: dict[str, Any] = {
    "chains": {
        "default": ["a", {"any": ["c", "d"], "spread": {"c": 1, "d": 2}}],
        "b": {"providers": ["a"], "attempt_timeout": {"4K": 5}, "retry": {"rounds": [1.0]}},
    },
    "rules": [{"when": {"resolution": "4K", "tags": {"a": "b"}}, "chain": "b"}],
    "providers": {
        "a": {
            "type": "acme",
            "api_key": {"env": "KEY"},
            "price": {"4K": "0.09", "currency": "USD"},
            "latency": {"4K": [1, 2, 3]},
            "headers": {"a": "b"},
        },
        "c": {"type": "acme", "max_in_flight": 2, "shared": True},
        "d": {"type": "acme", "enabled": True, "proxy": "env"},
    },
    "policy": {"attempt_timeout": "home", "breaker": {"max_failures": 3}},
    "observers": {"counter": {"every": 1}},
    "budgets": {"team": {"limit": "20.00", "per": "day", "when": {"chain": "b", "tags": {"a": "b"}}}},
    "shared": {"store": {"env": "STORE"}, "pooler": True},
    "serve": {
        "port": 80,
        "models": {"m": "a"},
        "keys": "keys.toml",
        "key_budgets": ["team"],
        "signing_key": {"env": "KEY"},
        "proxies": ["127.0.0.1"],
        "store": "pictures",
    },
}
words = st.sampled_from(WORDS) | st.text(max_size=5)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | words | st.just(10**400) | st.dates()
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4))


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, item in inner for deeper in paths(item, (*path, key)))][0 if path else 1 :]


@st.composite
def spoiled(draw: st.DrawFn) -> dict[str, Any]:
    """Give the good configuration with something else, or something more, at one to three places."""
    mapping = copy.deepcopy(GOOD)
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from(paths(mapping)))
        table = mapping
        for step in path:
            table = table[step]
        table[draw(words) if isinstance(table, dict) and draw(st.booleans()) else last] = draw(values)
    return mapping


@pytest.mark.slow  # some hundred configurations, each read by a converter of its own
@settings(max_examples=150, deadline=None)
@given(mapping=spoiled() | st.dictionaries(words, values))
def test_nothing_but_a_config_error_comes_of_rubbish(mapping, plugins):
    """Whatever a configuration holds, it is read or refused with ConfigError."""
    with suppress(ConfigError):
        structure(mapping, plugins, base=Path("/nowhere"), env={"KEY": "sk-secret"})


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"a = ",
        b"a = 1\na = 2",
        b"a = " + b"[" * 5000,
        b"a = " + b"9" * 5000,
        b"a = 2026-99-99",
        b"a = '\x00'",
        b"a" + b".a" * 50_000 + b" = 1",
        b"a" + b" . 'a'" * 50_000 + b" = 1",
        b"[" + b"a." * 50_000 + b"a]",
        b"\n".join(b"k%d = 1" % number for number in range(200_000)),
        b"a" * 900_000,
    ],
)
def test_a_file_that_is_not_toml_is_a_config_error(content, tmp_path):
    """Bytes that are not TOML are refused with ConfigError, whatever the parser raises."""
    path = tmp_path / "pixroute.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        read_toml(path)

    assert caught.value.source == str(path)
    assert len(str(caught.value)) < 300


def test_very_many_unknown_names_are_told_shortly(read):
    """200,000 of them were 16 MB of complaints."""
    unknown = {f"k{number}": 1 for number in range(100_000)}
    tables = {"chains": {"default": ["a"]}, "providers": {"a": {"type": "acme", **unknown}}}

    with pytest.raises(ConfigError) as caught:
        read({**tables, **unknown, "policy": {"breaker": unknown, "retry": {"x" * 10_000: 1}}})

    assert len(caught.value.problems) == 64
    assert str(caught.value.problems[20]) == "holds 99,980 more names that are not known here"
    assert len(str(caught.value)) < 20_000


def test_very_many_mistakes_are_counted():
    """The text lists a hundred, `problems` all."""
    error = ConfigError([Problem(f"providers.a{number}", "is not a table") for number in range(5000)])

    assert len(error.problems) == 5000
    assert str(error).splitlines()[-1] == "  and 4,900 more"
