"""Several processes of `pixroute serve` on one port: the first starts the others, and starts anew whichever dies."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import click
from attrs import define, field

from pixroute.config.serve import ServeSettings
from pixroute.system import bound, handled

MAIN = "import sys; from pixroute.cli import main; sys.exit(main(sys.argv[1:]))"
_LISTENING = re.compile(r"Listening: (\S+)/v1")
AGAIN = 1.0
"""Seconds until a process that died is started anew."""


def ended_with(pipe: TextIO) -> Callable[[], Awaitable[None]]:
    """Give what waits until the process at the other end of a pipe has ended."""

    async def wait() -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        await reader.read()

    return wait


def several(settings: ServeSettings, *, config: Path | None, plaintext: str | None) -> int:
    """Serve by so many processes; gives the exit code."""
    with bound(settings.host, settings.port, is_shared=True) as held:  # it keeps the port, and does not listen
        said = {
            "--host": settings.host,
            "--port": held.getsockname()[1],
            "--tls-cert": settings.tls_cert,
            "--tls-key": settings.tls_key,
            "-c": config,
            "--plaintext": plaintext,
        }
        arguments = [str(one) for name, value in said.items() if value is not None for one in (name, value)]
        return asyncio.run(ServeProcesses(settings.processes, arguments).run())


@define(eq=False)
class ServeProcesses:
    """The processes that serve together.

    Args:
        count: how many.
        arguments: of `pixroute serve`, for each.
    """

    count: int
    arguments: list[str]
    _ended: asyncio.Event = field(factory=asyncio.Event)
    _living: set[Process] = field(factory=set)
    _listening: int = 0
    _code: int = 0

    async def run(self) -> int:
        """Run them until SIGTERM or SIGINT; gives 0, or the exit code of one that could not begin."""
        with handled({"SIGTERM": self._end, "SIGINT": self._end, "SIGHUP": self._read_again}):
            await asyncio.gather(*(self._keep() for _ in range(self.count)))
        return self._code

    def _end(self) -> None:
        self._ended.set()
        self._tell(signal.SIGTERM)

    def _read_again(self) -> None:
        self._tell(signal.SIGHUP)

    def _tell(self, number: signal.Signals) -> None:
        for process in self._living:
            with suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep(self) -> None:
        """Keep one of them running."""
        has_served = False
        while not self._ended.is_set():
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", MAIN, "serve", "--part", *self.arguments, stdin=PIPE, stdout=PIPE, stderr=None
            )
            self._living.add(process)
            has_served |= await self._read(process, is_first=not has_served)
            code = await process.wait()
            self._living.discard(process)
            if self._ended.is_set():
                return
            if not has_served:  # nor would the others
                self._code = code or 1
                self._end()
                return
            click.echo(f"A process ended with {code}; another is started.", err=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN):
                    await self._ended.wait()

    async def _read(self, process: Process, *, is_first: bool) -> bool:
        """Read what one says, and say for all once all listen; tells whether it has listened."""
        assert process.stdout is not None
        served = False
        said: list[str] = []
        while line := (await process.stdout.readline()).decode(errors="replace").rstrip():
            if found := _LISTENING.search(line):
                served = True
                self._listening += is_first
                if is_first and self._listening == self.count:
                    click.echo(
                        "\n".join([*said, f"Listening: {found[1]}/v1, {self.count} processes (Ctrl-C ends them)"])
                    )
            said.append(line)
        return served
