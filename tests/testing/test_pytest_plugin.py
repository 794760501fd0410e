"""The fixtures for users' tests: loaded on demand only, and each as it says."""

from importlib.metadata import entry_points

import pytest

pytestmark = pytest.mark.slow  # another pytest in a process of its own
pytest_plugins = ["pytester"]

LOADED = ("-p", "pixroute.testing.pytest_plugin", "-p", "no:cacheprovider", "-q")

TESTS = """
import pytest

from pixroute import FailureKind
from pixroute.testing import FakeProvider, fail, fake_router, picture
from pixroute.testing.faults import Step


@pytest.mark.asyncio
async def test_emulator(emulator):
    assert emulator.http_url.startswith("http://127.0.0.1:")


@pytest.mark.asyncio
async def test_scripted_upstream(scripted_upstream):
    one, other = await scripted_upstream(Step.json({})), await scripted_upstream(Step.rst())
    assert one.origin != other.origin


def test_virtual_time_and_attempts(virtual_time, attempts_of, invariants):
    async def scenario():
        first = FakeProvider(fail(FailureKind.SERVER_ERROR, 100), price="0.09")
        async with fake_router(first=first, second=FakeProvider(picture(60)), observers=[invariants]) as router:
            return await router.generate("a lighthouse")

    assert attempts_of(virtual_time(scenario())) == ["first server_error free", "second picture billed"]


def test_an_invariant_is_broken(invariants):
    invariants.violations.append("I1: too dear")
"""


def test_the_fixtures(pytester):
    """An emulator, scripted servers, virtual time, attempts as lines, and invariants that are checked at the end."""
    pytester.makepyfile(TESTS)

    result = pytester.runpytest_subprocess(*LOADED)

    result.assert_outcomes(passed=4, errors=1)
    result.stdout.fnmatch_lines(["*I1: too dear*"])


def test_nothing_is_loaded_unasked(pytester):
    """An installed pixroute adds nothing to anybody's pytest."""
    pytester.makepyfile("def test_it(emulator): ...")

    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")

    result.stdout.fnmatch_lines(["*fixture 'emulator' not found*"])
    assert not [point for point in entry_points(group="pytest11") if point.value.startswith("pixroute")]
