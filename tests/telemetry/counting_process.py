"""A process of several that count together: asks once, leaves one request in flight, and waits to be ended."""

import asyncio
import sys

from pixroute.testing import FakeProvider, fake_router, picture, silence
from pixroute_prometheus.observer import PrometheusObserver


async def main():
    """Say "ready" when everything is counted."""
    provider = FakeProvider(picture(), silence())
    async with fake_router(first=provider, observers=[PrometheusObserver()]) as router:
        await router.generate("a lighthouse")
        waiting = asyncio.ensure_future(router.generate("another"))
        while len(provider.calls) < 2:  # noqa: ASYNC110 - one turn of the loop
            await asyncio.sleep(0)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        waiting.cancel()


asyncio.run(main())
