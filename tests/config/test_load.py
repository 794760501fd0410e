from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from pixroute.config.load import default_config, find_config, load, read_toml
from pixroute.errors import ConfigError
from pixroute.latency import Quantiles
from pixroute.plugins import load_plugins
from pixroute.request import ImageRequest

FILE = """
[chains]
default = ["first", "second"]
[chains.hero]
providers = ["second"]
sensitive = true
[[rules]]
when = { resolution = "4K", tags = { team = "studio" } }
chain = "hero"

[providers.first]
type = "acme"
api_key = { env = "KEY" }
plaintext = "accept"
[providers.second]
type = "acme"
api_key = { env = "KEY" }
attempt_timeout = { 4K = 600 }
price = { "4K" = "0.09", "2K" = 0.04, currency = "USD" }
latency = { "4K" = [50, 120, 150] }
max_in_flight = 50
weights = "model.bin"

[policy]
attempt_timeout = { "1K" = 300, "2K" = 300, "4K" = 600, other = 600 }
max_cost = "0.5"
[policy.breaker]
max_failures = 5
[observers.counter]
every = 3
[observers.plain]
"""


@pytest.fixture
def config(plugins, tmp_path):
    path = tmp_path / "pixroute.toml"
    path.write_text(FILE, encoding="utf-8")
    return load(path, plugins, env={"KEY": "sk-1"})


def test_a_file_is_read_whole(config, tmp_path):
    """Every table of a file arrives as the value its class declares."""
    second = config.providers["second"]

    assert config.chains["default"].providers == ("first", "second")
    assert (config.policy.max_cost, config.chains["hero"].policy.sensitive) == (Decimal("0.5"), True)
    assert (second.type, second.settings.max_in_flight) == ("acme", 50)
    assert second.settings.price.amounts == {"4K": Decimal("0.09"), "2K": Decimal("0.04")}
    assert second.settings.latency.table == {"4K": Quantiles(50, 120, 150)}
    assert second.settings.weights == tmp_path / "model.bin"
    assert config.observers["counter"].settings.every == 3
    assert config.observers["plain"].settings is None


def test_a_key_in_clear_is_refused_in_a_file(plugins, tmp_path):
    """In a file a key never stands in clear, and the refusal does not repeat it."""
    path = tmp_path / "pixroute.toml"
    path.write_text(FILE.replace('{ env = "KEY" }', '"sk-secret"', 1))

    with pytest.raises(ConfigError, match=r'providers\.first\.api_key: .*write { env = "NAME" }') as caught:
        load(path, plugins, env={"KEY": "sk-1"})

    assert "sk-secret" not in str(caught.value)


def test_a_missing_file_is_a_config_error(tmp_path):
    """A file that is not there is told by its name."""
    with pytest.raises(ConfigError, match=r"nothing\.toml: 1 problem\n  cannot be read: No such file"):
        read_toml(tmp_path / "nothing.toml")


@pytest.mark.parametrize(
    ("when", "request_", "matches"),
    [
        ({}, ImageRequest("x"), True),
        ({"resolution": "4K"}, ImageRequest("x", size="4K"), True),
        ({"resolution": "4K"}, ImageRequest("x", size="2K"), False),
        ({"resolution": ["1K", "other"]}, ImageRequest("x"), True),
        ({"tags": {"a": "b"}}, ImageRequest("x", tags={"a": "b", "c": "d"}), True),
        ({"tags": {"a": "b"}}, ImageRequest("x", tags={"a": "c"}), False),
        ({"sensitive": True}, ImageRequest("x", sensitive=True), True),
        ({"sensitive": False}, ImageRequest("x", sensitive=True), False),
        ({"references": True}, ImageRequest("x", references=[b"png"]), True),
        ({"references": True}, ImageRequest("x"), False),
        ({"resolution": "4K", "sensitive": True}, ImageRequest("x", size="4K"), False),
    ],
)
def test_a_rule_matches_what_it_says(when, request_, matches, read):
    """A rule matches a request that is all it says; what it leaves out may be anything."""
    chains = {"default": ["a"], "other": ["a"]}
    rules = [{"when": when, "chain": "other"}]

    config = read({"chains": chains, "providers": {"a": {"type": "acme"}}, "rules": rules})

    assert config.rules[0].match(request_) == matches
    assert config.chain_for(request_).name == ("other" if matches else "default")


def test_the_first_rule_that_matches_counts(read):
    """Rules are asked in order."""
    chains = {"default": ["a"], "b": ["a"], "c": ["a"]}
    rules = [{"when": {"resolution": "4K"}, "chain": "b"}, {"when": {}, "chain": "c"}]

    config = read({"chains": chains, "providers": {"a": {"type": "acme"}}, "rules": rules})

    assert config.chain_for(ImageRequest("x", size="4K")).name == "b"
    assert config.chain_for(ImageRequest("x")).name == "c"


def test_an_only_chain_is_the_default(read):
    """A single chain need not be called default."""
    config = read({"chains": {"only": ["a"]}, "providers": {"a": {"type": "acme"}}})

    assert config.default_chain.name == "only"


@pytest.mark.parametrize(
    ("explicit", "env", "there", "expected"),
    [
        ("my.toml", {"PIXROUTE_CONFIG": "env.toml"}, True, ("my.toml", "Using my.toml, as asked.")),
        (None, {"PIXROUTE_CONFIG": "env.toml"}, True, ("env.toml", "Using env.toml, from PIXROUTE_CONFIG.")),
        (None, {"PIXROUTE_CONFIG": ""}, True, ("pixroute.toml", "Using pixroute.toml in this folder.")),
        (None, {}, False, (None, "No pixroute.toml here: using the built-in chain with APIYI_API_KEY.")),
    ],
)
def test_which_configuration_is_used(explicit, env, there, expected, tmp_path):
    """The file asked for, PIXROUTE_CONFIG's, the one in this folder, none: in that order, and it is said."""
    if there:
        (tmp_path / "pixroute.toml").touch()
    name, said = expected

    found = find_config(explicit, env, tmp_path)

    assert found == (None if name is None else tmp_path / name, said)


@pytest.mark.parametrize(
    ("plaintext", "expected"),
    [
        (None, ("banana-https", "seedream")),
        ("refuse", ("banana-https", "seedream")),
        ("accept", ("banana-http", "banana-https", "seedream")),
    ],
)
def test_without_a_file_the_built_in_chain_is_used(plaintext, expected):
    """Without a file, the key alone makes a chain; the HTTP port is in it only when plaintext is accepted."""
    config = default_config(load_plugins(), env={"APIYI_API_KEY": "sk-1"}, plaintext=plaintext)

    assert config.default_chain.providers == expected


@pytest.mark.parametrize("env", [{}, {"APIYI_API_KEY": " "}])
def test_without_a_file_and_a_key_it_says_what_to_do(env, plugins):
    """Without a file the one thing needed is the key, and the error says so."""
    with pytest.raises(ConfigError, match=r"set APIYI_API_KEY to your key, or write a pixroute\.toml"):
        default_config(plugins, env=env)


def test_a_path_outside_the_folder_stays(plugins, read):
    """An absolute path is not moved under the configuration's folder."""
    config = read.one(weights="/models/model.bin")

    assert config.providers["a"].settings.weights == Path("/models/model.bin")


def test_ca_file_lies_in_the_configurations_folder(tmp_path, read):
    """Unless it says otherwise, wherever the service was started."""
    assert read.one(ca_file="ca.pem").providers["a"].settings.ca_file == tmp_path / "ca.pem"
    assert read.one(ca_file="/etc/ca.pem").providers["a"].settings.ca_file == Path("/etc/ca.pem")
