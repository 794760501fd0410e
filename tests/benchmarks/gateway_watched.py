"""The gateway of a folder's `pixroute.toml`, with somebody in its loop who notes how long it computes in one stretch.

`python gateway_watched.py [--no-router]`: says where it listens; to every line on its standard input it answers with
the longest stretch since the one before, in seconds of its own thread's processor time. `--no-router`: after a first
picture every answer is that one, and nobody watches: so it is seen what the door alone costs.
"""

import asyncio
import sys
import time
from pathlib import Path

from measure import TICK

from pixroute.config.load import load
from pixroute.plugins import load_plugins
from pixroute.routing.router import Router
from pixroute.serve.call import Watching
from pixroute.serve.garbage import looking_for_garbage
from pixroute.serve.gateway import Gateway
from pixroute.serve.listen import listening, repeats_of
from pixroute.serve.names import menu_of, widened


class Watch:
    """The longest stretch since it was asked last."""

    worst = 0.0

    async def watch(self):
        """Look as often as the loop lets it."""
        clock = time.thread_time
        while True:
            began = clock()
            await asyncio.sleep(TICK)
            self.worst = max(self.worst, clock() - began)

    async def tell(self):
        """Answer who asks, until nobody does."""
        loop = asyncio.get_running_loop()
        lines = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while await lines.readline():
            print(self.worst, flush=True)
            self.worst = 0.0


class NoRouter:
    """Gives one picture again and again."""

    def __init__(self, picture):
        self._picture = picture

    async def generate(self, *_, **__):
        """Give it, a turn of the loop later."""
        await asyncio.sleep(0)
        return self._picture

    async def aclose(self, **_):
        """Nothing is open."""


async def main(*, no_router):
    """Serve until nobody asks any more."""
    wide = widened(load(Path("pixroute.toml"), load_plugins()))
    async with Router.from_config(wide, observers={"gateway": Watching()}) as router:
        repeats = repeats_of(wide.serve)
        asked = NoRouter(await router.generate("A lighthouse")) if no_router else router
        gateway = Gateway(router=asked, settings=wide.serve, menu=menu_of(wide), repeats=repeats)
        async with listening(gateway) as url:
            with looking_for_garbage(lambda: len(gateway.calls)):
                print(f"Listening: {url}/v1", flush=True)
                watch = Watch()
                watching = None if no_router else asyncio.create_task(watch.watch())
                await watch.tell()
                if watching:
                    watching.cancel()


if __name__ == "__main__":
    asyncio.run(main(no_router="--no-router" in sys.argv))
