"""Eight processes for minutes, with faults in upstreams and store: `nox -s soak [-- SECONDS [STORE]]`.

Every ten seconds an upstream falls ill in another way; every twenty the store does, or a process is killed and another
takes its place. At the end invariants must hold, in each process and I7 for the fleet as a whole, every picture that
the upstreams charged must stand in a ledger, the budget must have counted it, and its limit was never passed.
"""

import asyncio
import json
import random
import signal
import sys
import tempfile
import time
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.conftest import BIN, Cluster
from tests.soak.gates import check
from tests.soak.worker import LIMIT, PLACES

from pixroute.ledger import read_ledger
from pixroute.outcome import Billing
from pixroute.shared import Leases, StoreAway, open_stores
from pixroute.shared.budgets import MILLIONTHS, Budget
from pixroute.testing.emulator import Emulator

PROCESSES, SCALE = 8, 0.05
UPSTREAM_FAULTS = (
    "overloaded",
    "rate-limited",
    "server-error",
    "silent",
    "cut",
    "empty",
    None,
    None,
    None,
    None,
    None,
    None,
)


class Soak:
    """A fleet, its store and its upstreams."""

    def __init__(self, store, emulator, folder, cluster):
        self.store, self.emulator, self.folder, self.cluster = store, emulator, folder, cluster
        self.running, self.killed, self.said, self.chance = {}, [], [], random.Random(0)
        self.highest, self.looks, self.number = 0, 0, 0
        self.stores = open_stores(store)

    async def start(self):
        """Start one more process."""
        self.number += 1
        name = f"w{self.number}"
        script = Path(__file__).with_name("worker.py")
        arguments = (name, self.store, self.emulator.http_url, str(self.folder), str(SCALE))
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, *arguments, stdout=pipe, stderr=(self.folder / f"{name}.err").open("wb")
        )
        assert process.stdout is not None
        ready = await process.stdout.readline()
        assert ready == b"ready\n", (self.folder / f"{name}.err").read_text()[-2000:]
        self.running[name] = process

    async def disturb_upstreams(self):
        """Another fault each ten seconds."""
        while True:
            for who in ("banana", "seedream"):
                self.emulator.set_fault(who, self.chance.choice(UPSTREAM_FAULTS))
            await asyncio.sleep(10)

    async def disturb_store(self):
        """A silent store, a crashed one, a killed process, in turn."""
        while True:
            for disturbs in (self.silence, self.kill, self.crash):
                await asyncio.sleep(20)
                print(f"{disturbs.__name__}", flush=True)
                await disturbs()

    async def silence(self):
        """Stop the server for five seconds; a file is locked."""
        if self.cluster is not None:
            self.cluster.signal(signal.SIGSTOP)
            try:
                await asyncio.sleep(5)
            finally:
                self.cluster.signal(signal.SIGCONT)

    async def crash(self):
        """Kill the server and start it again."""
        if self.cluster is not None:
            await asyncio.to_thread(self.cluster.stop, "immediate")
            await asyncio.sleep(2)
            await asyncio.to_thread(self.cluster.start)

    async def kill(self):
        """Kill a process, and start another in its place."""
        name = self.chance.choice(sorted(self.running))
        process = self.running.pop(name)
        process.kill()
        await process.wait()
        self.killed.append(name)
        await self.start()

    async def watch(self):
        """Look at the budget again and again."""
        while True:
            with suppress(StoreAway):
                self.highest = max(self.highest, (await self.status()).sum)
                self.looks += 1
            await asyncio.sleep(0.2)

    async def status(self):
        """Say where the budget stands."""
        hold = Budget(limit=LIMIT, per="month").hold("team", Decimal(0), time.time())
        return (await Leases(self.stores.kept).status([hold.name]))[hold.name]

    async def end(self):
        """End all processes and hear what they saw."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for name, process in self.running.items():
            out, _ = await asyncio.wait_for(process.communicate(), 120)
            assert process.returncode == 0, (process.returncode, (self.folder / f"{name}.err").read_text()[-2000:])
            self.said.append(json.loads(out))
        await self.emulator.idle()


def reconcile(soak, final):
    """Lay the ledgers beside what the upstreams charged, and the budget beside the ledgers."""
    ledgers = {path.stem: read_ledger(path).entries for path in soak.folder.glob("*.ledger")}
    living = [entry for name, entries in ledgers.items() if name not in soak.killed for entry in entries]
    every = [entry for entries in ledgers.values() for entry in entries]
    may, charged = {}, {}
    for entry in every:
        if entry.billing is not Billing.FREE:
            may[entry.request] = may.get(entry.request, 0) + 1
    for call in soak.emulator.ledger.entries:
        if call.billed:
            request = call.prompt.removeprefix("soak ")
            charged[request] = charged.get(request, 0) + call.billed
    unknown = {request: count for request, count in charged.items() if count > may.get(request, 0)}
    wrong_gates, gates = look_at_gates(soak.folder)
    money = {
        "certain": sum((entry.cost.certain or 0) for entry in living),
        "possible": sum((entry.cost.possible or 0) for entry in living),
    }
    found = {
        "requests": sum(said["seen"].get(word, 0) for said in soak.said for word in said["seen"]),
        "seen": sum_of(said["seen"] for said in soak.said),
        "told": sum_of(said["told"] for said in soak.said),
        "broken": [line for said in soak.said for line in said["broken"]],
        "broken in the fleet": wrong_gates[:20],
        "half-open": gates,
        "killed": soak.killed,
        "attempts": len(every),
        "charged upstream": sum(charged.values()),
        "charged, and in no ledger": unknown,
        "unsettled by the living": sum(entry.settled is None for entry in living),
        "ledgers of the living": {word: str(amount) for word, amount in money.items()},
        "budget": {word: str(Decimal(getattr(final, word)) / MILLIONTHS) for word in ("spent", "possibly", "reserved")},
        "highest sum seen": str(Decimal(soak.highest) / MILLIONTHS),
        "limit": str(LIMIT),
        "looks": soak.looks,
    }
    wrong = ["I7 of the fleet"] if wrong_gates else []
    broken = [line for line in found["broken"] if not line.startswith("I6") and not line.endswith("violations")]
    if broken:  # I6 is a quarter of a second: a machine that is too busy for eight processes misses it; it is shown
        wrong.append("invariants")
    if unknown:
        wrong.append("charged, and in no ledger")
    if found["unsettled by the living"]:
        wrong.append("unsettled")
    if soak.highest > LIMIT * MILLIONTHS or final.sum > LIMIT * MILLIONTHS:
        wrong.append("the limit was passed")
    spent = Decimal(final.spent) / MILLIONTHS
    certain_of_killed = sum((entry.cost.certain or 0) for name in soak.killed for entry in ledgers.get(name, ()))
    if not money["certain"] <= spent <= money["certain"] + certain_of_killed:
        wrong.append("the budget's spent is not the ledgers' certain")
    return found, wrong


def look_at_gates(folder):
    """Look at the fleet's breakers as all processes told them; give what is wrong, and how much there was to see."""
    lines = {path.stem: path.read_text().splitlines() for path in folder.glob("*.gates")}
    told = {name: [line for line in own if line.endswith("}")] for name, own in lines.items()}  # a killed one's last
    wrong, most = check(told, PROCESSES)
    phases = sum('"half-open"' in line for own in told.values() for line in own)
    return wrong, {"in all processes": phases, "most probes at once": most}


def sum_of(counts):
    total = {}
    for count in counts:
        for word, number in count.items():
            total[word] = total.get(word, 0) + number
    return total


async def main(seconds, store, folder, cluster):
    async with Emulator(time_scale=SCALE, seed=1) as emulator:
        soak = Soak(store, emulator, folder, cluster)
        await asyncio.gather(*(soak.start() for _ in range(PROCESSES)))
        tasks = [asyncio.create_task(one()) for one in (soak.disturb_upstreams, soak.disturb_store, soak.watch)]
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        failed = [task.exception() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        if cluster is not None:
            cluster.heal()
        emulator.set_fault("banana", None)
        emulator.set_fault("seedream", None)
        await asyncio.sleep(5)  # who was alone is back
        await soak.end()
        found, wrong = reconcile(soak, await soak.status())
        await soak.stores.aclose()
    print(json.dumps(found, indent=2))
    print(f"{PROCESSES} processes, {PLACES} places, {seconds:.0f} s: " + (", ".join(wrong) or "all holds"))
    return bool(wrong or (failed and print(failed) is None))


def run(seconds=300.0, store=None):
    with tempfile.TemporaryDirectory(prefix="pixroute-soak-", ignore_cleanup_errors=True) as place:
        if store is not None or BIN is None:
            return asyncio.run(main(seconds, store or f"{place}/state.db", Path(place), None))
        (Path(place) / "server").mkdir()
        Path(place).chmod(0o755)
        cluster = Cluster(Path(place) / "server")
        try:
            return asyncio.run(main(seconds, cluster.database(), Path(place), cluster))
        finally:
            cluster.stop("immediate")


if __name__ == "__main__":
    sys.exit(run(*[float(word) for word in sys.argv[1:2]], *sys.argv[2:3]))
