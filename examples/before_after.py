"""The loop that everybody writes, and what it costs when an upstream hangs; then the same with pixroute.

Both ask an emulator that bills like the original: a request whose client gave up is made, and billed, all the same.
`python examples/before_after.py` takes a few seconds; they stand for the minutes it tells.
"""

import asyncio
import base64

import aiohttp

from pixroute.testing.emulated import emulated_router
from pixroute.testing.emulator import Emulator

SPEED = 0.005  # real seconds per emulated second
PROMPT = "A lighthouse at dusk"


async def before(url: str) -> bytes:
    """Three tries, each with the time-out that the vendor recommends."""
    body = {"model": "nano-banana-pro", "prompt": PROMPT, "size": "1024x1024", "response_format": "b64_json"}
    timeout = aiohttp.ClientTimeout(total=300 * SPEED)
    async with aiohttp.ClientSession(timeout=timeout, headers={"Authorization": "Bearer key"}) as session:
        for wait in (1, 2, 4):
            try:
                async with session.post(f"{url}/v1/images/generations", json=body) as response:
                    response.raise_for_status()
                    document = await response.json()
                    return base64.b64decode(document["data"][0]["b64_json"])
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(wait * SPEED)
    raise RuntimeError("no picture after three tries")


async def after(emulator: Emulator) -> bytes:
    """The same wish; the chain, the time-outs and the limits are the router's defaults."""
    async with emulated_router(emulator, time_scale=SPEED) as router:
        result = await router.generate(PROMPT, size="1K")
        return result.image.data


async def main() -> None:
    for name, call in (("before", lambda each: before(each.http_url)), ("after", after)):
        async with Emulator(time_scale=SPEED, tls=True, faults={"banana": "silent"}) as emulator:
            began = asyncio.get_running_loop().time()
            try:
                came = f"{len(await call(emulator))} bytes"
            except RuntimeError as error:
                came = str(error)
            minutes = (asyncio.get_running_loop().time() - began) / SPEED / 60
            await emulator.idle()
            print(f"{name}: {came} after {minutes:.0f} min, {emulator.ledger.billed} billed")


if __name__ == "__main__":
    asyncio.run(main())
