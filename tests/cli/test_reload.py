from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from pixroute.cli.reload import reload_on_sighup
from pixroute.routing.router import Router
from pixroute.testing.emulator import Emulator

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="the system has no SIGHUP")

CONFIGURATION = """
[chains]
default = ["{name}"]
[providers.{name}]
type = "nano-banana-pro-http"
base_url = "{url}"
api_key = {{ env = "KEY" }}
plaintext = "accept"
allow_private_results = true
"""


class Watched(Router):
    """Tells when a reload is over."""

    async def hung_up(self):
        """Send this process SIGHUP, and wait until the reload has ended."""
        self.over = asyncio.Event()
        os.kill(os.getpid(), signal.SIGHUP)
        await self.over.wait()

    async def reload(self, *args, **options):
        """Tell when it is over."""
        try:
            await super().reload(*args, **options)
        finally:
            self.over.set()


@pytest.mark.slow  # over sockets, with five pictures
async def test_a_request_in_flight_is_served_by_what_it_began_with(folder, monkeypatch, capsys):
    """The file is read again meanwhile: whoever comes later goes elsewhere, and nobody is lost."""
    monkeypatch.setenv("KEY", "any")
    path = folder / "pixroute.toml"
    async with Emulator(time_scale=0.01) as emulator, Emulator(time_scale=0) as later:
        path.write_text(CONFIGURATION.format(name="before", url=emulator.http_url))
        async with Watched.from_toml(path) as router:
            with reload_on_sighup(router, path):
                asked = [asyncio.ensure_future(router.generate(f"{number}", size="1K")) for number in range(5)]
                await asyncio.sleep(0)
                path.write_text(CONFIGURATION.format(name="after", url=later.http_url))
                await router.hung_up()
                newer = await router.generate("a lighthouse", size="1K")
                older = await asyncio.gather(*asked)

    assert capsys.readouterr().err == f"Reloaded {path}.\n"
    assert newer.provider == "after"
    assert {result.provider for result in older} == {"before"}


async def test_a_bad_file_is_told_and_changes_nothing(folder, monkeypatch, capsys):
    """The process goes on as it was."""
    monkeypatch.setenv("KEY", "any")
    path = folder / "pixroute.toml"
    path.write_text(CONFIGURATION.format(name="before", url="http://127.0.0.1:9"))
    async with Watched.from_toml(path) as router:
        with reload_on_sighup(router, path):
            path.write_text("[chain]")
            await router.hung_up()
        plan = router.explain().providers[0]

    said = capsys.readouterr().err
    assert said.startswith(f"Not reloaded, the old configuration stays: {path}: 2 problems\n  chain: is not known here")
    assert plan.name == "before"


async def test_without_a_file_there_is_nothing_to_read_again(folder):
    """The built-in chain has no file, so SIGHUP keeps its usual meaning."""
    with reload_on_sighup(Router(providers={}, chains={}), Path("built-in configuration")):
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


async def test_on_a_terminal_the_signal_keeps_its_meaning(folder, monkeypatch):
    """There it says that the terminal is gone."""
    (path := folder / "pixroute.toml").touch()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    with reload_on_sighup(Router(providers={}, chains={}), path):
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
