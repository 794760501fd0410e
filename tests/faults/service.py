"""A service in a process of its own, for tests of clocks and signals; it tells what happens as lines of JSON."""

import asyncio
import json
import os
import signal
import sys
import time

from pixroute import Policy, RequestFailed, Router, ShuttingDown
from pixroute.ledger import Ledger
from pixroute.policy import BreakerPolicy, RetryPolicy
from pixroute.secret import Secret
from pixroute_nano_banana.provider import NanoBananaProHttpSettings, create

POLICY = Policy(retry=RetryPolicy(quick=False, rounds=()), breaker=BreakerPolicy(max_failures=2, open_for=2))


def tell(**facts):
    print(json.dumps(facts), flush=True)


def router(origin, *observers):
    """Give a router with one provider, at an address of this machine."""
    settings = NanoBananaProHttpSettings(base_url=origin, api_key=Secret("a-key"), plaintext="accept", api="images")
    return Router(
        providers={"only": create("only", settings)},
        chains={"default": ["only"]},
        policy=POLICY,
        observers={str(number): observer for number, observer in enumerate(observers)},
    )


class Openings:
    """Keeps for how long the upstream's breaker opened."""

    def __init__(self):
        self.seconds = None

    def __call__(self, event):
        """Take one event."""
        if getattr(event, "state", None) == "open":
            self.seconds = event.until - event.at


async def fail(router, prompt, **options):
    """Ask for what cannot come, and give the error."""
    try:
        await router.generate(prompt, **options)
    except RequestFailed as error:
        return error


async def hint(origin):
    """Tell what was made of a hint, and what time this process believes it is."""
    openings = Openings()
    async with router(origin, openings) as one:
        error = await fail(one, "a lighthouse", timeout=100)
    failure = error.record.attempts[0].failure
    tell(**{"wall": time.time(), "hint": failure.hint, "open for": openings.seconds})


async def open_(origin):
    """Open the breaker, wait for it to let a probe through, and tell how far the wall clock jumped meanwhile."""
    openings = Openings()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, put_forward)
    async with router(origin, openings) as one:
        await fail(one, "one")
        await fail(one, "another")
        before = local_time() - time.monotonic()
        tell(**{"open for": openings.seconds})
        await fail(one, "a probe", timeout=100)
    tell(jumped=local_time() - time.monotonic() - before)


def local_time():
    """Give seconds as a clock on the wall shows them."""
    return time.time() + time.localtime().tm_gmtoff


def put_forward():
    """Put the local time forward by an hour, as in summer."""
    os.environ["TZ"] = "UTC-1"
    time.tzset()


async def serve(origin, ledger, drain):
    """Ask for twenty pictures; at SIGTERM take no more, give what is in flight some time, and tell what came of it."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with router(origin, Ledger(ledger)) as one:
        asking = [asyncio.create_task(one.generate(f"picture {number}")) for number in range(20)]
        await ended.wait()
        closing = asyncio.create_task(one.aclose(drain=float(drain)))
        await asyncio.sleep(0)
        try:
            refused = not await one.generate("too late")
        except ShuttingDown:
            refused = True
        await closing
        results = await asyncio.gather(*asking, return_exceptions=True)
    cancelled = [result for result in results if isinstance(result, ShuttingDown)]
    pictures = [result for result in results if not isinstance(result, BaseException)]
    tell(pictures=len(pictures), cancelled=len(cancelled), refused=int(refused))


mode, *arguments = sys.argv[1:]
asyncio.run({"hint": hint, "open": open_, "serve": serve}[mode](*arguments))
