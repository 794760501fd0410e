"""What a budget or a place of the fleet costs an attempt: `python tests/benchmarks/gate.py [POSTGRES-URL]`.

Beside a router without a gate and with a store that nothing needs: the time of a request to a provider that answers at
once, one after the other and fifty at a time; the median of five turns.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from pixroute import Router
from pixroute.config.shared import SharedSettings
from pixroute.secret import Secret
from pixroute.shared.budgets import Budget
from pixroute.testing import FakeProvider

REQUESTS, TURNS = 200, 5
BUDGET = {"team": Budget(limit=1_000_000, per="month")}


def router_of(store, *, budgets=None, **options):
    place = None if store is None else SharedSettings(store=store)
    one = FakeProvider(latency=(0.2, 1.0, 3.0), **options)
    return Router(providers={"one": one}, chains={"default": ["one"]}, budgets=budgets, shared=place)


async def measured(router):
    """Give microseconds a request, alone and among fifty."""
    alone, among = [], []
    async with router:
        for _ in range(10):
            await router.generate("warm")
        for _ in range(TURNS):
            began = time.perf_counter()
            for _ in range(REQUESTS):
                await router.generate("a lighthouse")
            alone.append((time.perf_counter() - began) / REQUESTS)
            began = time.perf_counter()
            for _ in range(REQUESTS // 50):
                await asyncio.gather(*(router.generate(f"{n}") for n in range(50)))
            among.append((time.perf_counter() - began) / REQUESTS)
    return median(alone) * 1e6, median(among) * 1e6


async def main(url=None):
    with tempfile.TemporaryDirectory() as folder:
        stores = {"SQLite": Path(folder) / "state.db"} | ({"PostgreSQL": Secret(lambda: url)} if url else {})
        cases = {"no store": router_of(None), "a budget in memory": router_of(None, budgets=BUDGET)}
        for name, store in stores.items():
            cases[f"{name}, nothing limited"] = router_of(store)
            cases[f"{name}, a budget"] = router_of(store, budgets=BUDGET)
            cases[f"{name}, a place"] = router_of(store, max_in_flight=100, shared=True)
            cases[f"{name}, both"] = router_of(store, budgets=BUDGET, max_in_flight=100, shared=True)
        print(f"{'µs a request':32}{'alone':>10}{'of fifty':>10}")
        for name, router in cases.items():
            alone, among = await measured(router)
            print(f"{name:32}{alone:10.0f}{among:10.0f}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
