"""A server that must stay empty."""

from ssl import SSLContext

from pixroute.testing.faults.listener import Listener, Peer


class Sink(Listener):
    """Keeps whatever reaches it, of any protocol; for what must not be followed, and for handshakes that hang.

    Args:
        answer: Written to each connection at its first byte; nothing by default.
        host: Address to listen on.
        ssl: Speak TLS with this server context.

    """

    def __init__(self, answer: bytes = b"", *, host: str = "127.0.0.1", ssl: SSLContext | None = None) -> None:
        super().__init__(host=host, ssl=ssl)
        self.received = b""
        self._answer = answer

    async def serve(self, peer: Peer, connection: int) -> None:  # noqa: ARG002 - one sink for all connections
        """Keep what comes until the client leaves."""
        answer = self._answer
        while data := await peer.reader.read(65536):
            self.received += data
            self._notify()
            await peer.send(answer)
            answer = b""
