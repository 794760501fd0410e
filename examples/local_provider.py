"""A provider that is not HTTP: pictures are made on this machine, in a thread, and cost nothing.

Run it: python examples/local_provider.py
"""

import asyncio
import struct
import zlib
from collections.abc import Mapping
from decimal import Decimal

from pixroute import Capabilities, Failure, FailureKind, ImageRequest, Latency, Price, ProviderSettings, Router, Size
from pixroute.content import InMemory
from pixroute.outcome import Delivered, Outcome, Success
from pixroute.provider import AttemptContext, Identity


class Gradient:
    """Paints a gradient in the colour of the prompt; a real one would load its model in `start`."""

    model = "gradient-1"
    price = Price(amounts={"other": Decimal(0)})  # known to be 0: nothing it does counts as possibly billed
    latency = Latency()
    advice: Mapping[FailureKind, str] = {}

    def __init__(self, name: str, settings: ProviderSettings) -> None:
        self.settings = settings
        self.identity = Identity(upstream=name, account=name)  # no origin: there is no network

    def capabilities(self) -> Capabilities:
        return Capabilities(resolutions={"1K", "2K"})

    def credential(self) -> str:
        return ""

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...

    async def generate(self, request: ImageRequest, attempt: AttemptContext) -> Outcome:
        picture = await attempt.in_thread(paint, request, attempt)
        if picture is None:
            return Failure(kind=FailureKind.CANCELLED, message="Given up while it was painted.")
        return Success(pictures=(Delivered(content=InMemory(picture)),))


def paint(request: ImageRequest, attempt: AttemptContext) -> bytes | None:
    """Make a PNG, row by row; a thread cannot be stopped, so it looks whether it is still wanted."""
    width, height = (request.size or Size("1K")).nominal()
    red, green, blue = zlib.crc32(request.prompt.encode()).to_bytes(4)[:3]
    deflate, packed = zlib.compressobj(1), b""
    for y in range(height):
        if attempt.cancelled:
            return None
        attempt.progress(y / height)
        shade = bytes(value * y // height for value in (red, green, blue))
        packed += deflate.compress(b"\0" + shade * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", packed + deflate.flush()), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, *zip(*chunks, strict=True)))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


async def main() -> None:
    local = Gradient("local", ProviderSettings(max_in_flight=2))
    async with Router(providers={"local": local}, chains={"default": ["local"]}) as router:
        result = await router.generate("A lighthouse at dusk", size="1K 16:9")
        path = await result.image.save("lighthouse")
        print(f"{path}: {result.image.width}x{result.image.height}, {result.cost}")


if __name__ == "__main__":
    asyncio.run(main())
