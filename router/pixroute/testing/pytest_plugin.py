"""Fixtures for tests of services and of plugins: load them by `-p pixroute.testing.pytest_plugin`, or in a conftest.py.

    pytest_plugins = ["pixroute.testing.pytest_plugin"]

They never load themselves. `emulator` and `scripted_upstream` live on the test's own loop, by pytest-asyncio.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pytest
import pytest_asyncio

from pixroute.errors import RequestFailed
from pixroute.result import ImageResult
from pixroute.routing.record import Record
from pixroute.testing.faults import ScriptedServer, Step
from pixroute.testing.invariants import Invariants
from pixroute.testing.virtual import run_virtual

if TYPE_CHECKING:
    from pixroute.testing.emulator import Emulator

T = TypeVar("T")


class StartUpstream(Protocol):
    """Starts a server that follows a script, until the test ends."""

    async def __call__(self, *steps: Step) -> ScriptedServer:
        """Give it, listening."""
        ...


class RunVirtual(Protocol):
    """Runs a coroutine on a clock that passes only by being waited for."""

    def __call__(self, coroutine: Coroutine[Any, Any, T], *, start: float = 0.0) -> T:
        """Give what it returns."""
        ...


@pytest_asyncio.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """The image upstreams on a free port, answering at once; `emulator.set_fault(…)` breaks them. Extra `cli`."""
    from pixroute.testing.emulator import Emulator  # noqa: PLC0415 - its extra may be missing

    async with Emulator(time_scale=0) as running:
        yield running


@pytest_asyncio.fixture
async def scripted_upstream() -> AsyncIterator[StartUpstream]:
    """Start servers that write what a script says, any number of them, one by each call with its steps."""
    async with AsyncExitStack() as running:

        async def start(*steps: Step) -> ScriptedServer:
            return await running.enter_async_context(ScriptedServer(*steps))

        yield start


@pytest.fixture
def virtual_time() -> RunVirtual:
    """Run a coroutine in virtual time: `virtual_time(scenario())`. Extra `testing`; for tests that are not async."""
    pytest.importorskip("async_solipsism", reason="virtual time needs an extra: pip install 'pixroute[testing]'")
    return run_virtual


@pytest.fixture
def attempts_of() -> Callable[[ImageResult | RequestFailed | Record], list[str]]:
    """Tell what was tried, to be compared: `["first overloaded free", "second picture billed"]`."""
    return attempt_lines


@pytest.fixture
def invariants() -> Iterator[Invariants]:
    """An observer for the router under test; when the test ends, what must never happen has not happened."""
    checker = Invariants()
    yield checker
    checker.check_end()


def attempt_lines(told: ImageResult | RequestFailed | Record) -> list[str]:
    """Give provider, end and billing of every attempt of a result, an error or a record."""
    record = told if isinstance(told, Record) else told.record
    return [f"{one.provider} {one.kind or 'picture'} {one.billing}" for one in record.attempts]
