"""A configuration before the emulator: everybody of it is played, under his own name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixroute.config.load import load_without_keys
from pixroute.errors import ConfigError, RequestFailed
from pixroute.hookspecs import hookimpl
from pixroute.plugins import Plugins, PluginsOnDemand, load_plugins
from pixroute.provider import ProviderSettings, ProviderSpec
from pixroute.testing import FakeProvider
from pixroute.testing.emulator import Emulator
from pixroute.testing.emulator.place import PLACES
from pixroute.testing.rehearsal import rehearse, rehearsed, rehearsed_router

SCALE = 0.01
PROVIDERS = {
    "banana": 'type = "nano-banana-pro-https"\napi_key = { env = "AGGREGATOR" }',
    "banana-plain": 'type = "nano-banana-pro-http"\nplaintext = "accept"\napi_key = { env = "AGGREGATOR" }',
    "banana-images": 'type = "nano-banana-pro-https"\napi = "images"\napi_key = { env = "AGGREGATOR" }',
    "azure": 'type = "azure-openai"\nbase_url = "https://mine.openai.azure.com"\napi_key = { file = "/nowhere/azure" }',
    "azure-v1": 'type = "azure-openai"\nbase_url = "https://mine.openai.azure.com"\napi = "v1"\ncredential = "entra"',
    "bfl": 'type = "bfl"\nbase_url = "https://api.eu.bfl.ai/v1"\napi_key = { env = "BFL" }',
    "dashscope": 'type = "dashscope"\nregion = "cn"\napi_key = { env = "DASH" }',
    "wan": 'type = "dashscope"\nmodel = "wan2.5-t2i-preview"\napi_key = { env = "DASH" }',
    "fal": 'type = "fal"\napi_key = { env = "FAL" }',
    "gemini": 'type = "gemini"\nproxy = "http://proxy.example:3128"\napi_key = { env = "GOOGLE" }',
    "behind-a-gateway": 'type = "gemini"\nbase_url = "https://gw.example/google/v1beta"\napi_key = { env = "GATEWAY" }',
    "openai": 'type = "openai-images"\napi_key = { env = "OPENAI" }',
    "openrouter": 'type = "openrouter"\napi_key = { env = "OPENROUTER" }',
    "replicate": 'type = "replicate"\napi_key = { env = "REPLICATE" }',
    "seedream": 'type = "seedream"\napi_key = { env = "AGGREGATOR" }',
    "ark": 'type = "seedream"\nvia = "ark"\napi_key = { env = "ARK" }',
    "stability": 'type = "stability"\napi_key = { env = "STABILITY" }',
    "vertex": 'type = "vertex"\nproject = "mine"\ncredentials = "account.json"',
    "grok": 'type = "xai"\napi_key = { env = "XAI" }',
    "tasks": 'type = "image-tasks"\nbase_url = "https://tasks.example/v1"\napi_key = { env = "TASKS" }',
    "evolink": 'type = "image-tasks"\npreset = "evolink"\nbase_url = "https://e.example/v1"\napi_key = { env = "E" }',
    "naïve name": 'type = "openai-images"\napi_key = { env = "OPENAI2" }',
}
"""Every type of ours, some in several ways; no key is set, no file is there."""


def config(folder: Path, *, chains: str = "", more: str = ""):
    """Read a file with all providers."""
    names = ", ".join(f'"{name}"' for name in PROVIDERS)
    tables = "\n".join(f'[providers."{name}"]\n{table}' for name, table in PROVIDERS.items())
    path = folder / "mine.toml"
    path.write_text(f"[chains]\ndefault = [{names}]\n{chains}\n{tables}\n{more}\n", "utf-8")
    return load_without_keys(path, PluginsOnDemand())


def singles() -> str:
    """Every provider as a chain of its own."""
    return "\n".join(f'"only {name}" = ["{name}"]' for name in PROVIDERS)


def test_every_type_of_ours_is_played():
    """A new type needs a line in the table."""
    ours = {
        spec.name for plugin in load_plugins().listed for spec in plugin.providers if plugin.distribution == "pixroute"
    }

    assert ours == set(PLACES)
    assert ours <= {table.split('"')[1] for table in PROVIDERS.values()}


@pytest.mark.slow  # pictures are made and sent for real
@pytest.mark.parametrize("second", [False, True], ids=["one origin", "results elsewhere"])
async def test_everybody_delivers(tmp_path, second):
    """Each by his own name, at his own price, without a key, and nobody else is asked."""
    rehearsal = rehearse(config(tmp_path, chains=singles()))
    emulator = Emulator(time_scale=SCALE, doors=rehearsal.origins, second=second)

    async with emulator, rehearsed_router(rehearsal, emulator, scale=SCALE) as router:
        results = {name: await router.generate("x", chain=f"only {name}") for name in PROVIDERS}

    assert {name: result.provider for name, result in results.items()} == {name: name for name in PROVIDERS}
    asked = [entry.provider for entry in emulator.ledger.entries]
    assert asked == list(PROVIDERS)
    fetched = [call for call in emulator.requests if call.route == "files"]
    assert fetched
    assert {call.origin for call in fetched} == ({emulator.second_url} if second else {call.origin for call in fetched})
    keys = [value for call in emulator.requests for value in call.headers.values() if "emulated-" in value]
    assert len(keys) >= len(PROVIDERS)


@pytest.mark.slow  # pictures are made and sent for real
async def test_a_fault_is_on_one_of_two_providers_of_one_type_key_and_origin(tmp_path):
    """By his name, whatever else they share; polls and downloads of his are his, too."""
    two = """
[providers.bfl-2]
type = "bfl"
base_url = "https://api.eu.bfl.ai/v1"
api_key = { env = "BFL" }
upstream = "second"
"""
    rehearsal = rehearse(config(tmp_path, chains='two = ["bfl", "bfl-2"]', more=two))
    faults = {rehearsal.selector("bfl"): "quota"}
    emulator = Emulator(time_scale=SCALE, doors=rehearsal.origins, faults=faults)

    async with emulator, rehearsed_router(rehearsal, emulator, scale=SCALE) as router:
        with pytest.raises(RequestFailed) as caught:
            await router.generate("x", chain="two")

    assert [(attempt.provider, str(attempt.kind)) for attempt in caught.value.record.attempts] == [("bfl", "quota")]


@pytest.mark.slow  # pictures are made and sent for real
@pytest.mark.parametrize("where", ["bfl/bfl-poll", "bfl/files"])
async def test_polls_and_downloads_of_a_provider_are_his(tmp_path, where):
    """Though the link of a picture is followed without a header."""
    rehearsal = rehearse(config(tmp_path, chains='two = ["bfl", "fal"]'))
    faults = {rehearsal.selector(where): "bad-key"}
    emulator = Emulator(time_scale=SCALE, doors=rehearsal.origins, faults=faults, second=True)

    async with emulator, rehearsed_router(rehearsal, emulator, scale=SCALE) as router:
        result = await router.generate("x", chain="two")

    assert (result.attempts[0].provider, result.attempts[0].won) == ("bfl", False)
    assert result.provider == "fal"


CHAINS = """
[chains]
default = ["a", "b"]
cheap = { providers = ["b", "a"], timeout = 240, max_cost = "0.10" }
[[rules]]
chain = "cheap"
when = { tags = { team = "studio" } }
[policy]
attempt_timeout = { 4K = 400 }
max_possibly_billed = 1
[policy.breaker]
max_failures = 3
[providers.a]
type = "nano-banana-pro-https"
api_key = { env = "KEY" }
price = { other = "0.07" }
attempt_timeout = { 2K = 200 }
max_in_flight = 3
shared = true
[providers.b]
type = "seedream"
api_key = { env = "KEY" }
ca_file = "corp.pem"
[observers.ledger]
path = "ledger.jsonl"
[shared]
store = "shared.sqlite"
[budgets.day]
limit = "5"
per = "day"
[serve]
port = 0
processes = 2
store = "pictures"
signing_key = { env = "SIGN" }
models = { "gpt-image-1" = "cheap" }
"""


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    return load_without_keys(path, PluginsOnDemand())


async def test_chains_rules_prices_and_limits_are_mine_and_times_are_scaled(tmp_path):
    """All in one scale; what is not used is told."""
    rehearsal = rehearse(written(tmp_path, CHAINS))
    emulator = Emulator(time_scale=0.1, doors=rehearsal.origins)

    async with emulator, rehearsed(rehearsal, emulator, scale=0.1) as config:
        pass

    assert {name: chain.providers for name, chain in config.chains.items()} == {
        "default": ("a", "b"),
        "cheap": ("b", "a"),
    }
    assert config.chains["cheap"].policy.timeout == 24
    assert str(config.chains["cheap"].policy.max_cost) == "0.10"
    assert config.chains["default"].policy.attempt_timeout["4K"] == 40
    assert config.policy.max_possibly_billed == 1
    assert config.policy.breaker.max_failures == 3
    assert [rule.chain for rule in config.rules] == ["cheap"]
    assert str(config.providers["a"].settings.price.at("2K")) == "0.07"
    assert config.providers["a"].settings.attempt_timeout == {"2K": 20}
    assert list(config.budgets) == ["day"]
    assert config.serve.models == {"gpt-image-1": "cheap"}
    assert rehearsal.unused == (
        "providers.b.ca_file",
        "observers.ledger",
        "[shared], so budgets begin at nothing and places are this process's",
        "serve.store",
        "serve.signing_key",
        "serve.processes",
    )


def test_who_shares_a_key_shares_an_account(tmp_path):
    """And who does not, does not: holds and breakers are as in life."""
    rehearsal = rehearse(written(tmp_path, CHAINS.replace('type = "seedream"\napi_key = { env = "KEY" }', OTHER)))
    same = rehearse(written(tmp_path, CHAINS))
    emulator = Emulator(doors=rehearsal.origins)

    def keys(played):
        return {one["api_key"] for one in played.mapping(emulator)["providers"].values()}

    assert (len(keys(rehearsal)), len(keys(same))) == (2, 1)


OTHER = 'type = "seedream"\napi_key = { env = "ANOTHER" }'


def test_a_configuration_of_which_nobody_can_be_played_is_refused(tmp_path):
    """It would otherwise be a riddle why nobody is asked; who is left out is named with the chain."""
    plugins = Plugins(listed=load_plugins(extra=[ElsewherePlugin()]).listed[-1:])
    text = '[chains]\ndefault = ["mine"]\n[providers.mine]\ntype = "unheard-of"\n'
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")

    with pytest.raises(ConfigError, match="nobody of it can be played"):
        rehearse(load_without_keys(path, plugins))


class ElsewherePlugin:
    """Offers a type that the emulator does not know."""

    @hookimpl
    def pixroute_providers(self):
        """Offer it."""
        return (ProviderSpec(name="unheard-of", create=FakeProvider, settings=ProviderSettings),)
