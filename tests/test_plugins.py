from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import define, frozen

from pixroute.errors import PluginError
from pixroute.hookspecs import hookimpl
from pixroute.plugins import BrokenPlugin, Plugins, PluginsOnDemand, load_plugins, resolve
from pixroute.provider import ObserverSpec, ProviderSettings, ProviderSpec


@frozen(kw_only=True)
class Settings(ProviderSettings):
    """Good settings."""

    room: int = 1


class Undecorated(ProviderSettings):
    """attrs never sees its fields."""

    room: int = 1


@define
class Thawed:
    """Not frozen."""

    room: int = 1


@frozen(kw_only=True)
class Unresolved(ProviderSettings):
    """Its annotation names nothing."""

    room: Nowhere = 1  # type: ignore[name-defined]  # noqa: F821


def create(name: str, settings: Settings) -> object:
    return name, settings


def provider(**changes: Any) -> ProviderSpec:
    return ProviderSpec(**{"name": "good", "create": create, "settings": Settings, **changes})


def observer(**changes: Any) -> ObserverSpec:
    return ObserverSpec(**{"name": "watcher", "create": print, **changes})


def offering(*specs: object, name: str = "plugin") -> SimpleNamespace:
    """Give a plugin that offers these provider types."""

    @hookimpl
    def pixroute_providers() -> list[object]:
        return list(specs)

    return SimpleNamespace(__name__=name, pixroute_providers=pixroute_providers)


def answering(answer: object, hook: str = "pixroute_providers") -> SimpleNamespace:
    """Give a plugin whose hook gives this."""

    @hookimpl(specname=hook)
    def function() -> object:
        return answer

    return SimpleNamespace(__name__="plugin", function=function)


def raising(hook: str) -> SimpleNamespace:
    @hookimpl(specname=hook)
    def function() -> object:
        raise RuntimeError("oh")

    return SimpleNamespace(__name__="plugin", function=function)


def raising_halfway() -> SimpleNamespace:
    @hookimpl
    def pixroute_providers() -> Iterator[ProviderSpec]:
        yield provider()
        raise SystemExit(3)

    return SimpleNamespace(__name__="plugin", pixroute_providers=pixroute_providers)


def misspelt() -> SimpleNamespace:
    @hookimpl
    def pixroute_provider() -> list[ProviderSpec]:
        return []

    return SimpleNamespace(**vars(offering(provider())), pixroute_provider=pixroute_provider)


def asynchronous() -> SimpleNamespace:
    @hookimpl
    async def pixroute_providers() -> list[ProviderSpec]:
        return []

    return SimpleNamespace(__name__="plugin", pixroute_providers=pixroute_providers)


def wanting() -> SimpleNamespace:
    @hookimpl
    def pixroute_providers(config: object) -> list[ProviderSpec]:
        return []

    return SimpleNamespace(__name__="plugin", pixroute_providers=pixroute_providers)


def unmarked() -> SimpleNamespace:
    def pixroute_providers() -> list[ProviderSpec]:
        return []

    return SimpleNamespace(__name__="plugin", pixroute_providers=pixroute_providers)


@pytest.mark.parametrize(
    ("plugin", "why"),
    [
        (misspelt(), "there is no hook pixroute_provider; did you mean pixroute_providers?"),
        (asynchronous(), "pixroute_providers is async; hooks are called without a loop"),
        (unmarked(), "it offers nothing: no function of it is marked @hookimpl"),
        (raising("pixroute_providers"), "RuntimeError: oh"),
        (raising("pixroute_observers"), "RuntimeError: oh"),
        (raising_halfway(), "SystemExit: 3"),
        (answering(None), "pixroute_providers gave None, not a list of ProviderSpec"),
        (answering(provider()), "pixroute_providers gave a ProviderSpec, not a list of ProviderSpec"),
        (answering("good"), "pixroute_providers gave a str, not a list of ProviderSpec"),
        (answering([provider(), "good"]), "pixroute_providers gave a str among its ProviderSpecs"),
        (
            answering([provider()], "pixroute_observers"),
            "pixroute_observers gave a ProviderSpec among its ObserverSpecs",
        ),
        (offering(provider(name="")), "a spec's name is '', not text"),
        (offering(provider(name=5)), "a spec's name is 5, not text"),
        (offering(provider(), provider()), "its provider type 'good' is taken by itself"),
        (offering(provider(settings=dict)), "settings of 'good': dict does not extend ProviderSettings"),
        (offering(provider(settings=Settings())), "does not extend ProviderSettings"),
        (offering(provider(settings=Thawed)), "settings of 'good': Thawed does not extend ProviderSettings"),
        (
            offering(provider(settings=Undecorated)),
            "settings of 'good': Undecorated is not decorated with attrs.frozen",
        ),
        (offering(provider(settings=Unresolved)), "NameError: name 'Nowhere' is not defined"),
        (
            offering(provider(settings="module.Class")),
            "settings of 'good' are 'module.Class', not a class or module:Class",
        ),
        (offering(provider(create=5)), "create of 'good' is a int, neither callable nor text"),
        (offering(provider(create="module.Class")), "create of 'good' is 'module.Class', not module:Class"),
        (offering(provider(create=lambda name: name)), "create of 'good' cannot be called with (name, settings)"),
        (answering([observer(settings=Thawed)], "pixroute_observers"), "Thawed is not decorated with attrs.frozen"),
        (answering([observer(create=dir, name=None)], "pixroute_observers"), "a spec's name is None, not text"),
    ],
)
def test_a_broken_plugin_is_named_and_left_out_whole(plugin, why, caplog):
    """Whatever is wrong with a plugin, it alone is left out, as a whole, and is named once with the reason."""
    good = offering(provider(name="other"), name="neighbour")

    with caplog.at_level(logging.WARNING, "pixroute.plugins"):
        found = load_plugins(extra=[plugin, good])

    (broken,) = found.broken
    assert broken.name == "plugin"
    assert why in broken.why
    assert "good" not in found.providers
    assert "other" in found.providers
    assert caplog.messages == [str(broken)]


def test_a_hook_that_wants_arguments_is_broken():
    """The complaint of pluggy about arguments is the reason told."""
    found = load_plugins(extra=[wanting()])

    assert "hook 'pixroute_providers'" in found.broken[0].why
    assert "{'config'}" in found.broken[0].why


def test_a_taken_type_names_both_owners():
    """A type that somebody offers already breaks the later plugin, and the first keeps it."""
    mine = provider(create=lambda name, settings: (name, settings))

    found = load_plugins(extra=[offering(provider(), name="first"), offering(mine, name="second")])

    assert str(found.broken[0]) == "plugin second is broken: its provider type 'good' is taken by first"
    assert found.provider_type("good").create is create


def test_a_taken_plugin_name_names_both_owners():
    """Two plugins of one name: the later is broken."""
    found = load_plugins(extra=[offering(provider()), offering(provider(name="other"))])

    assert str(found.broken[0]) == "plugin plugin is broken: its name is taken by plugin"


def test_nobody_takes_a_built_in_type_away():
    """The built-in types come first, so that another plugin cannot stand in for them."""
    found = load_plugins(extra=[offering(provider(name="seedream"))])

    assert found.broken[0].why == "its provider type 'seedream' is taken by seedream (of pixroute)"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution of one module: its metadata and its code on sys.path."""

    def install(name: str, code: str, entry: str | None = None, metadata: str = "Version: 1.5\n") -> None:
        folder = tmp_path / f"{name}-1.5.dist-info"
        folder.mkdir()
        if metadata:
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\n{metadata}")
        (folder / "entry_points.txt").write_text(f"[pixroute]\n{entry or f'{name} = {name}'}\n")
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.delitem(sys.modules, name, raising=False)

    monkeypatch.syspath_prepend(tmp_path)
    return install


GOOD = '''
"""Acme images.

More about them.
"""
from attrs import frozen
from pixroute.hookspecs import hookimpl
from pixroute.provider import ObserverSpec, ProviderSettings, ProviderSpec

@frozen(kw_only=True)
class Settings(ProviderSettings):
    room: int = 1

@hookimpl
def pixroute_providers():
    return [ProviderSpec(name="TYPE", create="module_not_imported:Class", settings=Settings)]

@hookimpl
def pixroute_observers():
    yield ObserverSpec(name="TYPE-observer", create=print)
'''


def test_an_installed_plugin_is_listed(install):
    """A distribution with an entry point is found, with its version, its docstring's first line and its types."""
    install("acme_good", GOOD.replace("TYPE", "acme"))

    found = load_plugins()

    plugin = found.listed[-1]
    assert (plugin.name, plugin.distribution, plugin.version) == ("acme_good", "acme_good", "1.5")
    assert (plugin.summary, plugin.provider_types) == ("Acme images.", ("acme",))
    assert found.observer_type("acme-observer").create is print


@pytest.mark.parametrize(
    ("code", "entry", "why"),
    [
        ("import no_such_module", None, "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def f(:", None, "SyntaxError: invalid syntax"),
        ("raise RuntimeError('oh')", None, "RuntimeError: oh"),
        ("raise SystemExit(2)", None, "SystemExit: 2"),
        ("", "acme_broken = no_such_plugin", "ModuleNotFoundError: No module named 'no_such_plugin'"),
        ("", "acme_broken = acme_broken:Nothing", "AttributeError: module 'acme_broken' has no attribute 'Nothing'"),
        ("", None, "it offers nothing: no function of it is marked @hookimpl"),
    ],
)
def test_an_installed_plugin_that_breaks_harms_no_other(code, entry, why, install):
    """An import that fails stops neither the plugins before nor those after it."""
    install("acme_a", GOOD.replace("TYPE", "before"))
    install("acme_broken", code, entry)
    install("acme_z", GOOD.replace("TYPE", "after"))

    found = load_plugins()

    (broken,) = found.broken
    assert (broken.name, broken.distribution) == ("acme_broken", "acme_broken")
    assert why in broken.why
    assert {"before", "after"} <= found.providers.keys()


def test_two_distributions_of_one_plugin_name(install):
    """An entry point's name that two distributions use is told with both owners."""
    install("acme_a", GOOD.replace("TYPE", "a"), entry="acme = acme_a")
    install("acme_b", GOOD.replace("TYPE", "b"), entry="acme = acme_b")

    found = load_plugins()

    assert str(found.broken[0]) == "plugin acme (of acme_b) is broken: its name is taken by acme (of acme_a)"


def test_a_distribution_without_metadata_still_loads(install):
    """What an interrupted uninstallation leaves behind does not stop anything."""
    install("acme_good", GOOD.replace("TYPE", "acme"), metadata="")

    assert "acme" in load_plugins().providers


@pytest.mark.parametrize("by_argument", [True, False])
def test_a_blocked_plugin_is_not_imported(by_argument, install, monkeypatch):
    """A plugin can be blocked by argument or by the environment; its module is never run."""
    install("acme_blocked", "raise RuntimeError('imported')")
    if not by_argument:
        monkeypatch.setenv("PIXROUTE_DISABLE_PLUGINS", " other , acme_blocked,")

    found = load_plugins(blocked=["acme_blocked"] if by_argument else [])

    assert (found.broken, found.blocked) == ((), {"acme_blocked"})
    assert "acme_blocked" not in sys.modules


def test_blocking_nobody_is_told(caplog):
    """A misspelt name blocks nothing; that is said, for the plugin it meant is running."""
    found = load_plugins(blocked=["seedraem"])

    assert found.blocked == frozenset()
    assert caplog.messages == ["no plugin is called seedraem, so none is blocked by that name"]


def test_a_missing_type_names_the_nearest_and_the_absent(install):
    """A type that nobody offers: the nearest spelling, and every plugin that is broken or blocked and might have it."""
    install("acme_broken", "import no_such_module")

    with pytest.raises(PluginError) as caught:
        load_plugins(blocked=["gemini"]).provider_type("seedraem")

    assert str(caught.value) == (
        "no plugin offers provider type 'seedraem'; did you mean 'seedream'? "
        "(plugin acme_broken (of acme_broken) is broken: ModuleNotFoundError: No module named 'no_such_module'; "
        "plugin gemini is blocked)"
    )


def test_a_missing_observer_lists_what_there_is():
    """Without a near spelling the message says what is there."""
    found = Plugins(broken=(BrokenPlugin(name="x", distribution=None, why="it is late"),))

    with pytest.raises(
        PluginError, match=r"^no plugin offers observer 'y'; there is none \(plugin x is broken: it is late\)$"
    ):
        found.observer_type("y")


def test_every_load_is_its_own():
    """There is no manager shared by the process: what one load was given, the next does not know."""
    load_plugins(extra=[offering(provider())])

    assert "good" not in load_plugins().providers


def test_a_lazy_class_is_imported_when_it_is_needed():
    """`create` may be "module:Class"; it is imported by `resolve`."""
    assert resolve("collections:OrderedDict") is __import__("collections").OrderedDict
    assert resolve(create) is create


@pytest.mark.parametrize(
    ("lazy", "message"),
    [
        ("no_such_module:Class", "no_such_module:Class cannot be loaded: ModuleNotFoundError"),
        ("collections:Nothing", "collections:Nothing cannot be loaded: AttributeError"),
        ("sys:version", "sys:version is not callable"),
    ],
)
def test_a_lazy_class_that_is_not_there_is_a_plugin_error(lazy, message):
    """What cannot be imported, or called, is told by its name."""
    with pytest.raises(PluginError, match=message):
        resolve(lazy)


@pytest.mark.slow  # another process
def test_a_router_imports_no_type_that_is_not_named():
    """Neither `import pixroute` nor the start of a router pays for the others."""
    script = """
import sys, pixroute
assert not [name for name in sys.modules if name.startswith("pixroute_")]
seedream = {"type": "seedream", "api_key": "k" * 20}
pixroute.Router.from_mapping({"chains": {"default": ["one"]}, "providers": {"one": seedream}})
print(*sorted(name for name in sys.modules if name.startswith("pixroute_") and "." not in name))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.stdout.split() == ["pixroute_seedream"], done.stderr


def test_types_of_ours_begin_with_their_plugins_name():
    """By that they are found without loading all."""
    ours = [plugin for plugin in load_plugins().listed if plugin.distribution == "pixroute"]

    assert ours
    for plugin in ours:
        specs = (*plugin.providers, *plugin.observers)
        assert [spec.name for spec in specs if not f"{spec.name}-".startswith(f"{plugin.name}-")] == []


def test_what_is_not_found_by_its_name_is_looked_for_among_all(monkeypatch):
    """A stranger's type, an observer, one that is blocked, one that nobody offers."""
    found = PluginsOnDemand()

    assert found.provider_type("nano-banana-pro-http").name == "nano-banana-pro-http"
    assert found.observer_type("ledger").name == "ledger"
    with pytest.raises(PluginError, match="did you mean 'seedream'"):
        found.provider_type("seedraem")
    assert found.providers.keys() == load_plugins().providers.keys()
    assert "ledger" in found.observers
    monkeypatch.setenv("PIXROUTE_DISABLE_PLUGINS", "seedream")
    with pytest.raises(PluginError, match="blocked"):
        PluginsOnDemand().provider_type("seedream")
