"""One process of the fleet under soak: worker.py NAME STORE URL FOLDER SCALE; ends with SIGTERM, and says what it saw.

It keeps a ledger that is required, and notes which prompt each request had.
"""

import asyncio
import json
import signal
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from attrs import evolve

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.soak.gates import line_of

from pixroute import Router
from pixroute.config.shared import SharedSettings
from pixroute.errors import PixrouteError
from pixroute.events import StoreChanged
from pixroute.ledger import Ledger
from pixroute.plugins import load_plugins, resolve
from pixroute.policy import Policy
from pixroute.secret import Secret
from pixroute.shared.budgets import Budget
from pixroute.testing.invariants import Invariants
from pixroute.testing.scaled import scaled, scaled_latency

LIMIT, PLACES, CALLERS = 400, 10, 4
TYPES = {"banana-http": ("nano-banana-pro-http", ""), "seedream": ("seedream", "/v1")}
OWN_WORK = 1.0


def providers_at(url, scale):
    plugins, made = load_plugins(), {}
    for name, (kind, path) in TYPES.items():
        spec = plugins.provider_type(kind)
        settings = spec.settings(
            api_key=Secret("any-key-will-do"),
            plaintext="accept",
            allow_private_results=True,
            base_url=url + path,
            max_in_flight=PLACES,
            shared=True,
        )
        create = resolve(spec.create)
        latency = scaled_latency(create(name, settings).latency, scale, OWN_WORK)
        made[name] = create(name, evolve(settings, latency=latency))
    return made


def write_down(file, event):
    """Keep what the fleet's breakers are judged by, whenever this process is killed."""
    if (line := line_of(event)) is not None:
        file.write(line + "\n")


async def work(name, store, url, folder, scale):
    providers = providers_at(url, scale)
    invariants, seen, told = Invariants(providers=providers, shared=True), Counter(), Counter()
    folder, stop = Path(folder), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    router = Router(
        providers=providers,
        chains={"default": list(providers)},
        policy=scaled(Policy(), scale),
        budgets={"team": Budget(limit=LIMIT, per="month")},
        shared=SharedSettings(store=Secret(lambda: store) if "://" in store else Path(store)),
        observers={
            "ledger": Ledger(folder / f"{name}.ledger", sync=False, required=True),
            "invariants": invariants,
            "gates": partial(write_down, (folder / f"{name}.gates").open("w", buffering=1)),
            "told": lambda event: told.update([event.state]) if isinstance(event, StoreChanged) else None,
        },
    )

    async def ask(caller):
        number = 0
        while not stop.is_set():
            number += 1
            request_id = f"{name}.{caller}.{number}"
            try:
                await router.generate(f"soak {request_id}", size="1K", request_id=request_id)
                seen["picture"] += 1
            except PixrouteError as error:
                seen[type(error).__name__] += 1
                await asyncio.sleep(0.2)

    async with router:
        print("ready", flush=True)
        await asyncio.gather(*(ask(caller) for caller in range(CALLERS)))
        for _ in range(100):
            if not router._life.shared.gate.leases.owes:
                break
            await asyncio.sleep(0.1)
    try:
        invariants.check_end(router.health())
        broken = []
    except AssertionError as error:
        broken = str(error).splitlines()
    print(json.dumps({"seen": seen, "told": told, "broken": broken}), flush=True)


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:5], float(sys.argv[5])))
