"""What a budget or a place of the fleet costs an attempt: `python tests/benchmarks/gate.py [POSTGRES-URL]`.

Beside a router without a gate, and with a store that nothing needs, alone in it and as one of 32 processes: the time of
a request to a provider that answers at once, one after the other and fifty at a time, and the processor time that the
loop's thread takes for one alone; the median of seven turns, in each of which all take their turn.
"""

import asyncio
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from pixroute import Router
from pixroute.config.shared import SharedSettings
from pixroute.secret import Secret
from pixroute.shared.budgets import Budget
from pixroute.shared.sqlite import SqliteTold
from pixroute.testing import FakeProvider

REQUESTS, TURNS, OTHERS = 100, 7, 31
BUDGET = {"team": Budget(limit=1_000_000, per="month")}


def router_of(store, *, budgets=None, **options):
    place = None if store is None else SharedSettings(store=store)
    one = FakeProvider(latency=(0.2, 1.0, 3.0), upstream="u", account="a", origin="https://u.test:443", **options)
    return Router(providers={"one": one}, chains={"default": ["one"]}, budgets=budgets, shared=place)


async def turn(router):
    """Give seconds a request: alone, among fifty, and alone of the processor."""
    began, worked = time.perf_counter(), time.thread_time()
    for _ in range(REQUESTS):
        await router.generate("a lighthouse")
    between, work = time.perf_counter(), time.thread_time() - worked
    for _ in range(REQUESTS // 50):
        await asyncio.gather(*(router.generate(f"{n}") for n in range(50)))
    return (between - began) / REQUESTS, (time.perf_counter() - between) / REQUESTS, work / REQUESTS


async def join(path, router):
    """Let 31 others tell in this store what this router knows, for an hour."""
    telling = router._life.shared.fleet.telling
    telling.forget()
    facts = telling.facts(asyncio.get_running_loop().time())
    told = SqliteTold(path.with_name(f"{path.name}-told"))
    for number in range(OTHERS):
        await told.exchange(f"other-{number}", facts, life=3600.0)
    await told.aclose()


def cases_of(folder, url):
    """Give the routers by name."""
    cases = {"no store": router_of(None), "a budget in memory": router_of(None, budgets=BUDGET)}
    stores = ["SQLite", *(["PostgreSQL"] if url else [])]
    cases["SQLite, nothing limited, of 32"] = router_of(folder / "many.db")
    place = {"max_in_flight": 100, "shared": True}
    for name in stores:
        needs = {"nothing limited": {}, "a budget": {"budgets": BUDGET}, "a place": place}
        for what, own in {**needs, "both": {"budgets": BUDGET, **place}}.items():
            store = folder / f"{what}.db" if name == "SQLite" else Secret(lambda: url)
            cases[f"{name}, {what}"] = router_of(store, **own)
    return cases


async def main(url=None):
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            cases = cases_of(Path(folder), url)
            for router in cases.values():
                await stack.enter_async_context(router)
                for _ in range(10):
                    await router.generate("warm")
            await join(Path(folder) / "many.db", cases["SQLite, nothing limited, of 32"])
            await asyncio.sleep(2)  # an exchange each second
            print(
                "together:", cases["SQLite, nothing limited, of 32"]._life.shared.fleet.telling.processes, "processes"
            )
            times = {name: [] for name in cases}
            for _ in range(TURNS):
                for name, router in cases.items():
                    times[name].append(await turn(router))
        print(f"{'µs a request':32}{'alone':>10}{'of fifty':>10}{'processor':>10}")
        for name, turns in times.items():
            alone, among, work = (1e6 * median(each) for each in zip(*turns, strict=True))
            print(f"{name:32}{alone:10.0f}{among:10.0f}{work:10.0f}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
