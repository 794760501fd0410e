"""A provider type that nobody configures costs no import."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from pixroute.errors import ConfigError
from pixroute.hookspecs import hookimpl
from pixroute.plugins import load_plugins, sample
from pixroute.provider import ProviderSpec
from pixroute.routing.router import Router

PROGRAM = """
import asyncio, json, sys
from pixroute import Router
config = {"chains": {"default": ["one"]}, "providers": {"one": {"type": "xai", "api_key": lambda: "xai-any-key"}}}
async def main():
    async with Router.from_mapping(config):
        pass
asyncio.run(main())
found = [name for name in sys.modules if name.partition(".")[0].startswith(("pixroute_", "google", "azure"))]
print(json.dumps(sorted(found)))
"""


@pytest.mark.slow  # a process of its own, for what this one has imported is imported
def test_starting_a_router_imports_the_types_that_it_names():
    """Of the others the hook alone; nothing of google-auth or azure-identity."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120)

    found = json.loads(ran.stdout)
    modules = [name for name in found if "." in name]
    assert modules
    assert all(name.startswith("pixroute_xai.") for name in modules)
    assert not any(name.startswith(("google", "azure")) for name in found)


def plugin(**spec):
    def pixroute_providers():
        return [ProviderSpec(name="lazy", create="pixroute_xai.provider:XAI", **spec)]

    return SimpleNamespace(__name__="lazy", pixroute_providers=hookimpl(pixroute_providers))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("no.such.module:Settings", "ModuleNotFoundError: No module named 'no'"),
        ("pixroute.provider:Price", "does not extend ProviderSettings"),
    ],
)
def test_a_lazy_type_that_cannot_be_imported_is_told_to_who_names_it(settings, says):
    """With its place in the configuration; others do not suffer."""
    plugins = load_plugins(extra=[plugin(settings=settings)])
    config = {"chains": {"default": ["one"]}, "providers": {"one": {"type": "lazy", "api_key": lambda: "any"}}}

    assert "lazy" in plugins.providers
    with pytest.raises(ConfigError, match=says) as caught:
        Router.from_mapping(config, plugins=plugins)
    assert "providers.one.type" in str(caught.value)
    assert sample(plugins.providers["lazy"]) is None


def test_every_built_in_type_can_be_looked_at():
    """By its example; who adds one without is told here."""
    plugins = load_plugins()

    assert [name for name, spec in plugins.providers.items() if sample(spec) is None] == []
    assert all(spec.sure for spec in plugins.providers.values())
