"""A server in a process of its own: answers every request with a picture of so many bytes, until stdin ends."""

import asyncio
import base64
import struct
import sys
import zlib

from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step


def heavy_png(size):
    """Make a valid picture of 1024 x 1024 that is as heavy as asked."""
    light = blank_png(1024, 1024)
    name, data = b"heVy", bytes(size - len(light) - 12)
    return (
        light[:-12]
        + struct.pack(">I", len(data))
        + name
        + data
        + struct.pack(">I", zlib.crc32(name + data))
        + light[-12:]
    )


async def main():
    picture = base64.b64encode(heavy_png(int(sys.argv[1]))).decode()
    async with ScriptedServer(Step.json({"data": [{"b64_json": picture}]})) as server:
        print(server.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
