"""Name resolution by script."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from enum import Enum

from aiohttp.abc import AbstractResolver, ResolveResult


class Dns(Enum):
    """Answers that are no address: no such name, a name server that fails, one that never answers."""

    NXDOMAIN = socket.EAI_NONAME
    SERVFAIL = socket.EAI_AGAIN
    HANG = None


class StubResolver(AbstractResolver):
    """Answers aiohttp's questions in place of the system: ``TCPConnector(resolver=StubResolver(…))``.

    It replaces `getaddrinfo`, because a name server of our own cannot: the C library asks the servers of
    ``/etc/resolv.conf``, at port 53. So it says nothing about the threads in which the system's resolver hangs.

    Args:
        answers: IPv4 addresses or a `Dns` for each name; every other name is NXDOMAIN.

    """

    def __init__(self, answers: Mapping[str, Sequence[str] | Dns]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Answer as scripted, in the order of the script, whichever `family` is asked for."""
        del family
        self.asked.append(host)
        answer = self._answers.get(host, Dns.NXDOMAIN)
        if answer is Dns.HANG:
            await asyncio.Event().wait()
        if isinstance(answer, Dns):
            raise socket.gaierror(answer.value, f"{answer.name} by script")
        return [_result(host, address, port) for address in answer]

    async def close(self) -> None:
        """Do nothing: it holds nothing."""


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
    )
