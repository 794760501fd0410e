from __future__ import annotations

import pytest

from pixroute.config.build import build_observers, build_providers
from pixroute.errors import ConfigError


def test_every_enabled_provider_is_created(read):
    """Providers are created by name with their settings; a disabled one is not."""
    off = {"type": "crashing", "enabled": False}
    config = read({"chains": {"default": ["a"]}, "providers": {"a": {"type": "acme", "model": "m"}, "off": off}})

    built = build_providers(config)

    assert list(built) == ["a"]
    assert (built["a"].name, built["a"].settings.model) == ("a", "m")


@pytest.mark.parametrize(("own", "expected"), [({}, 3.0), ({"connect_timeout": 4}, 4.0)])
def test_a_provider_has_the_global_connect_timeout_unless_it_says_its_own(own, expected, read):
    """The provider's `connect_timeout` goes before the policy's."""
    config = read(
        {
            "chains": {"default": ["a"]},
            "providers": {"a": {"type": "acme", **own}},
            "policy": {"connect_timeout": 3},
        }
    )

    assert build_providers(config)["a"].settings.connect_timeout == expected


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
        build_providers(config)

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
        build_providers(config)


def test_observers_are_created_for_a_configuration_that_names_them(read):
    """An observer is created with its settings, or with None."""
    mapping = {"chains": {"default": ["a"]}, "providers": {"a": {"type": "acme"}}}

    assert build_observers(read(mapping)) == {}
    assert build_observers(read({**mapping, "observers": {"counter": {"every": 2}, "plain": {}}})) == {
        "counter": 2,
        "plain": None,
    }
