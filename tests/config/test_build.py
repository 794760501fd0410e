from __future__ import annotations

import pytest

from pixroute.config.build import build
from pixroute.errors import ConfigError

A = {"chains": {"default": ["a"]}, "providers": {"a": {"type": "acme"}}}


def test_every_enabled_provider_is_created(read):
    """Providers are created by name with their settings; a disabled one is not."""
    off = {"type": "crashing", "enabled": False}
    config = read({"chains": {"default": ["a"]}, "providers": {"a": {"type": "acme", "model": "m"}, "off": off}})

    built = build(config).providers

    assert list(built) == ["a"]
    assert (built["a"].name, built["a"].settings.model) == ("a", "m")


def test_all_that_cannot_be_created_is_told_at_once(read):
    """What a constructor refuses, a plugin's bug and a lazy class that is not there are problems with their paths."""
    config = read(
        {
            "chains": {"default": ["x.y", "crash", "lazy"]},
            "providers": {
                "x.y": {"type": "acme", "base_url": "http://acme.example"},
                "crash": {"type": "crashing"},
                "lazy": {"type": "lazy"},
            },
        }
    )

    with pytest.raises(ConfigError) as caught:
        build(config)

    assert [str(problem) for problem in caught.value.problems] == [
        'providers."x.y": `base_url` is http://; write plaintext = "accept"',
        "providers.crash: its plugin raised RuntimeError: no such device",
        "providers.lazy: no_such_module:Class cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'",
    ]


def test_a_providers_own_price_may_reveal_two_currencies(read):
    """A contract price in dollars beside a provider that is priced in yuan is refused."""
    priced = {"type": "acme", "price": {"4K": 1}}
    config = read({"chains": {"default": ["a", "b"]}, "providers": {"a": priced, "b": {"type": "acme"}}})

    with pytest.raises(ConfigError, match=r"chains\.default: has prices in USD \(a\) and CNY \(b\)"):
        build(config)


def test_observers_are_created_for_a_configuration_that_names_them(read):
    """An observer is created with its settings, or with None."""
    assert build(read(A)).observers == {}
    observers = build(read({**A, "observers": {"counter": {"every": 2}, "plain": {}}})).observers

    assert observers["counter"].settings.every == 2
    assert observers["plain"].settings is None


@pytest.mark.parametrize(
    ("second", "kept"),
    [
        ({"type": "acme", "api_key": {"env": "KEY"}}, True),
        ({"type": "acme", "api_key": {"env": "SAME"}}, False),
        ({"type": "acme", "api_key": {"env": "KEY"}, "model": "m"}, False),
    ],
)
def test_what_is_said_again_is_not_made_again(second, kept, read):
    """A provider is kept if name, type and settings are the same; a key from elsewhere may rotate otherwise."""
    env = {"KEY": "sk-secret", "SAME": "sk-secret"}
    before = build(read({**A, "providers": {"a": {"type": "acme", "api_key": {"env": "KEY"}}}}, env))

    after = build(read({**A, "providers": {"a": second}}, env), before)

    assert (after.providers["a"] is before.providers["a"]) is kept
