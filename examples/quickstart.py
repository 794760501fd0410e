"""A picture: `python examples/quickstart.py pixroute.toml`; without a file before an emulator, which needs no key."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from pixroute import Router
from pixroute.errors import RequestFailed
from pixroute.testing.emulated import emulated_router
from pixroute.testing.emulator import Emulator

SPEED = 0.02  # real seconds per emulated second


@asynccontextmanager
async def emulated() -> AsyncIterator[Router]:
    """The default chain, whose first upstream is overloaded."""
    async with (
        Emulator(time_scale=SPEED, tls=True, faults={"banana": "overloaded"}) as emulator,
        emulated_router(emulator, time_scale=SPEED) as router,
    ):
        yield router


async def main(config: str | None = None) -> None:
    opening: AbstractAsyncContextManager[Router] = Router.from_toml(config) if config else emulated()
    async with opening as router:
        try:
            result = await router.generate("A lighthouse at dusk", size="2K", aspect_ratio="16:9", timeout=600)
        except RequestFailed as error:
            print(error)  # what failed, what may be billed, when to try again
            raise SystemExit(1) from error
        print(result.record)  # one line per attempt, and who was passed over
        print(await result.image.save("lighthouse"), result.image.width, result.image.height, result.cost)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
