"""The example providers do what their texts say; `nox -s example` installs them too."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from runpy import run_path

import pytest

from pixroute import Billing, ProviderSettings, Router
from pixroute.errors import AllProvidersFailed
from pixroute.testing.conformance import ProviderConformance

pytestmark = pytest.mark.slow  # threads, sockets, other processes

EXAMPLES = Path(__file__).parents[2] / "examples"
LOCAL = run_path(str(EXAMPLES / "local_provider.py"))


class TestLocalProvider(ProviderConformance):
    """A provider without HTTP keeps the contract."""

    @pytest.fixture
    def provider(self):
        """Give it."""
        return LOCAL["Gradient"]("local", ProviderSettings())


async def test_a_local_picture_costs_nothing(tmp_path, monkeypatch, capsys):
    """The example as it is run."""
    monkeypatch.chdir(tmp_path)

    await LOCAL["main"]()

    assert capsys.readouterr().out == "lighthouse.png: 1360x768, $0 certain\n"
    assert (tmp_path / "lighthouse.png").stat().st_size > 1000


async def test_a_local_picture_that_takes_too_long(monkeypatch):
    """The attempt is cut on time and free; its thread sees that it is not wanted, and only then gives up the slot."""
    over, ended, told = threading.Event(), threading.Event(), []

    def paint(_, attempt):
        over.wait(5)
        told.append(attempt.cancelled)
        ended.set()

    monkeypatch.setitem(LOCAL["Gradient"].generate.__globals__, "paint", paint)
    local = LOCAL["Gradient"]("local", ProviderSettings(max_in_flight=1, attempt_timeout={"1K": 0.05}))
    async with Router(providers={"local": local}, chains={"default": ["local"]}) as router:
        with pytest.raises(AllProvidersFailed) as failed:
            await router.generate("a lighthouse", size="1K", max_attempts=1)
        (slot,) = [entry for entry in router.health() if entry.scope == "provider"]
        over.set()
        await asyncio.to_thread(ended.wait, 5)

    assert failed.value.record.attempts[0].billing is Billing.FREE
    assert slot.in_flight == 1
    assert told == [True]


@pytest.mark.parametrize("name", ["acme", "flux", "stable"])
def test_the_distributions_pass_their_own_tests(name):
    """As their authors run them, but for the installation."""
    folder = EXAMPLES / f"pixroute-{name}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}", str(folder)]

    done = subprocess.run(command, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "most"), [("acme", 40), ("flux", 60), ("stable", 45)])
def test_a_provider_fits_on_a_page(name, most):
    """A job takes sixty lines, bytes forty-five."""
    assert len((EXAMPLES / f"pixroute-{name}" / f"pixroute_{name}.py").read_text().splitlines()) <= most
