"""A process with a router and a store, which does on stdin's word and tells on stdout what came of it.

asker.py STORE: a line "plain" or "red" asks for a picture, "health" for the store's state, "budget" for what is spent.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from pixroute import BudgetExceeded, Router
from pixroute.config.shared import SharedSettings
from pixroute.events import StoreChanged
from pixroute.secret import Secret
from pixroute.shared.budgets import Budget, Covers
from pixroute.shared.ports import StoreAway
from pixroute.testing import FakeProvider, picture


def router_of(store, told):
    return Router(
        providers={"one": FakeProvider(picture(0.05), price="0.10", latency=(0.2, 1.0, 3.0))},
        chains={"default": ["one"]},
        budgets={"red": Budget(limit=2, per="month", when=Covers(tags={"team": "red"}))},
        shared=SharedSettings(store=Secret(lambda: store) if "://" in store else Path(store)),
        observers={
            "told": lambda event: (
                told.append(event.state) if isinstance(event, StoreChanged) and event.port == "kept" else None
            )
        },
    )


async def answer(router, word, told):
    began = time.monotonic()
    try:
        if word == "health":
            said = next(entry.state for entry in router.health() if entry.key == "kept")
        elif word == "budget":
            (entry,) = await router.budgets()
            said = f"{entry.spent} {entry.possibly} {entry.reserved} {entry.resets_at.isoformat()}"
        else:
            said = (await router.generate("a lighthouse", tags={"team": "red"} if word == "red" else {})).provider
    except (BudgetExceeded, StoreAway) as error:
        said = str(error)
    return {"said": said, "seconds": time.monotonic() - began, "told": told, "now": time.time()}


async def main(store):
    told = []
    async with router_of(store, told) as router:
        while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
            print(json.dumps(await answer(router, word, told)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
