"""A TCP proxy that spoils what passes through it."""

import asyncio
from enum import Enum

from attrs import frozen

from pixroute.testing.faults.listener import Listener, Peer


class End(Enum):
    """How a cut shows: an orderly close or a reset on both sides, or nothing at all ever again."""

    FIN = "fin"
    RST = "rst"
    SILENCE = "silence"


@frozen(kw_only=True)
class Flow:
    """What happens to one direction of a connection.

    Args:
        piece: Bytes forwarded at a time, at most.
        delay: Seconds before each piece is forwarded.
        cut_after: Bytes forwarded before the cut, which comes in place of the next byte; None never cuts.
        end: How the cut shows. SILENCE leaves the other direction alone.

    """

    piece: int = 65536
    delay: float = 0.0
    cut_after: int | None = None
    end: End = End.FIN


@frozen(kw_only=True)
class ProxyPlan:
    """What happens to a connection: `up` towards the upstream, `down` towards the client."""

    up: Flow = Flow()
    down: Flow = Flow()


class FaultProxy(Listener):
    """Forwards TCP connections to an upstream, each by its plan; TLS passes through. `forwarded` counts the bytes.

    A frozen or silent proxy still acknowledges TCP keep-alive, as its kernel does; a path that drops packets does not.

    Args:
        port: The upstream's.
        plans: One for each connection in turn; the last serves every later one too. Without any all is forwarded.
        upstream_host: The upstream's address.

    """

    def __init__(self, port: int, *plans: ProxyPlan, upstream_host: str = "127.0.0.1") -> None:
        super().__init__()
        self.forwarded = {"up": 0, "down": 0}
        self._upstream = (upstream_host, port)
        self._plans = plans or (ProxyPlan(),)
        self._thawed = asyncio.Event()
        self._thawed.set()

    def freeze(self) -> None:
        """Forward nothing on any connection until `thaw`, and tell nobody."""
        self._thawed.clear()

    def thaw(self) -> None:
        """Forward what was held back, and go on."""
        self._thawed.set()

    async def serve(self, peer: Peer, connection: int) -> None:
        """Forward both directions until both have ended or one is cut."""
        plan = self._plans[min(connection, len(self._plans)) - 1]
        upstream = Peer(*await asyncio.open_connection(*self._upstream))
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(peer, upstream, plan.up, "up"))
                pumps.create_task(self._pump(upstream, peer, plan.down, "down"))
        except* OSError:  # one side was reset: so is the other
            peer.reset()
            upstream.reset()
        finally:
            upstream.writer.transport.abort()

    async def _pump(self, source: Peer, target: Peer, flow: Flow, direction: str) -> None:
        left = flow.cut_after
        while data := await source.reader.read(flow.piece):
            await asyncio.sleep(flow.delay)
            await self._thawed.wait()
            passed = data[:left]
            await target.send(passed)
            self.forwarded[direction] += len(passed)
            self._notify()
            if passed != data:
                await _cut(source, target, flow.end)
                return
            left = None if left is None else left - len(passed)
        target.writer.write_eof()


async def _cut(source: Peer, target: Peer, end: End) -> None:
    """End both sides; the pump of the other direction then reads its end of file."""
    if end is End.SILENCE:
        await asyncio.Event().wait()
    for side in (source, target):
        if end is End.RST:
            side.reset()
        else:
            await side.close()
