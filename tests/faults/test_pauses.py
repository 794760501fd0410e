"""A process that is stopped with forty requests in flight, and goes on: nobody is blamed, nothing is bought twice."""

import asyncio
import os
import signal
import sys
import textwrap

import pytest

SECONDS = float(os.environ.get("PIXROUTE_PAUSE", "7"))
"""How long it is stopped; 20 where there is time."""

CHILD = textwrap.dedent(
    """
    import asyncio, sys
    from pixroute.testing import FakeProvider, fake_router, picture
    from pixroute.events import BreakerChanged, LoopLagged

    async def main():
        seen = []
        first = FakeProvider(picture(1.5), latency=(1.0, 1.6, 2.0))
        second = FakeProvider()
        async with fake_router(first=first, second=second, observers=[seen.append]) as router:
            tasks = [asyncio.create_task(router.generate(f"p{n}")) for n in range(40)]
            await asyncio.sleep(0.3)
            print("ready", flush=True)
            results = await asyncio.gather(*tasks)
        opened = [e for e in seen if isinstance(e, BreakerChanged)]
        lag = max((e.seconds for e in seen if isinstance(e, LoopLagged)), default=0)
        print({r.provider for r in results}, len(first.calls), len(second.calls), len(opened), lag > 5, flush=True)

    asyncio.run(main())
    """
)


@pytest.mark.slow  # it is stopped for some seconds
async def test_a_stopped_process_goes_on_as_if_nothing_had_been():
    """Every picture comes from the first provider, asked once each."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"

    child.send_signal(signal.SIGSTOP)
    await asyncio.sleep(SECONDS)
    child.send_signal(signal.SIGCONT)
    told = await child.stdout.read()
    await child.wait()

    assert told.decode().strip() == "{'first'} 40 0 0 True"
