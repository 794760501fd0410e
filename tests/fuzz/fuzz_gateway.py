"""Asks the gateway whatever its own description allows, and what it does not: `python tests/fuzz/fuzz_gateway.py`.

schemathesis reads `/openapi.json` and makes requests of it for so many minutes; no answer may have a status of 500 or
more. The providers are scripted and always deliver, so nothing else explains one. Who served is asked afterwards.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
from aiohttp import web

from pixroute.config.serve import ServeSettings
from pixroute.routing.router import Router
from pixroute.secret import Secret
from pixroute.serve.call import Watching
from pixroute.serve.gateway import Gateway
from pixroute.serve.listen import listening, repeats_of, sharing, store_of
from pixroute.serve.names import Menu
from pixroute.testing import FakeProvider

BESIDE = Path(sys.executable).with_name("schemathesis")


class Counting(logging.Handler):
    """Counts what was answered."""

    def __init__(self):
        super().__init__()
        self.statuses, self.bugs = Counter(), []

    def emit(self, record):
        """Count a line of the access log, keep one of a bug."""
        if record.name == "pixroute.access":
            self.statuses[int(record.args[4])] += 1
        else:
            self.bugs.append(self.format(record))


async def serve(stack, folder):
    """Serve scripted providers, with a store of each kind; gives the URL."""
    chains = {"default": ("a", "b"), "a": ("a",), "b": ("b",)}
    providers = {name: FakeProvider() for name in ("a", "b")}
    router = Router(providers=providers, chains=chains, observers={"gateway": Watching()}, seed=0)
    await stack.enter_async_context(router)
    settings = ServeSettings(
        port=0, drain=0, store=folder / "pictures", signing_key=Secret("any"), repeats_file=folder / "repeats.sqlite"
    )
    store = await stack.enter_async_context(sharing(settings))
    gateway = Gateway(
        router=router,
        settings=settings,
        menu=Menu(chains=chains, models={}),
        repeats=repeats_of(settings, store),
        store=store_of(settings),
    )
    return await stack.enter_async_context(listening(gateway))


async def main(minutes, program):
    """Run it; gives the exit code."""
    counting = Counting()
    for name in ("pixroute.access", "pixroute.serve"):
        log = logging.getLogger(name)
        log.addHandler(counting)
        log.setLevel(logging.INFO)
        log.propagate = False
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = await serve(stack, folder)
        process = await asyncio.create_subprocess_exec(
            program, "run", f"{url}/openapi.json", "--max-time", str(int(minutes * 60)), "--workers", "1",
            "--checks", "not_a_server_error", "--max-failures", "20", "--no-color", "--continue-on-failure",
            cwd=folder,
        )  # fmt: skip
        await process.wait()  # its code also tells of errors of its own
        async with aiohttp.ClientSession() as http, http.get(f"{url}/healthz") as alive:
            assert alive.status == web.HTTPOk.status_code
    print(f"{counting.statuses.total()} answers: {dict(sorted(counting.statuses.items()))}; {len(counting.bugs)} bugs")
    for bug in counting.bugs[:5]:
        print(bug)
    enough = counting.statuses.total() > 100 and counting.statuses[200]
    return any(status >= 500 for status in counting.statuses) or bool(counting.bugs) or not enough


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--program", default=str(BESIDE), help="schemathesis")
    asked = parser.parse_args()
    sys.exit(int(asyncio.run(main(asked.minutes, asked.program))))
