"""A server for a network namespace: tells its port and each request on stdout, answers one for each line on stdin."""

import asyncio
import sys

from pixroute.testing.faults import ScriptedServer, Step


async def main():
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    answers = asyncio.Semaphore(0)

    async def wait(_):
        print("request", flush=True)
        await answers.acquire()

    async with ScriptedServer(Step(wait) + Step.reply(body=b"late"), host="0.0.0.0") as server:
        print(server.port, flush=True)
        async for _ in lines:
            answers.release()


asyncio.run(main())
