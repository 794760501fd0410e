"""One limit, eight processes, two of them killed and the server killed in the middle: it ends at the cent."""

import asyncio
import json
import os
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from pixroute.shared import Leases, StoreAway, open_stores

PROCESSES, PRICE = 8, 10_000
ATTEMPTS = int(os.environ.get("PIXROUTE_ATTEMPTS", "800"))
"""Of all together; 10,000 before a release."""
LIMIT = ATTEMPTS * PRICE // 3
"""Two of three are spent or possibly spent, so the last ones are refused."""
pytestmark = pytest.mark.slow  # eight interpreters and thousands of transactions


async def audited(store, highest, ended):
    """Look at the limit again and again from outside."""
    stores = open_stores(store)
    auditor = Leases(stores.kept)
    while not ended.is_set():
        try:
            standing = (await auditor.status(["team@day"]))["team@day"]
        except StoreAway:
            pass
        else:
            highest.append(standing)
        await asyncio.sleep(0.02)
    standing = (await auditor.status(["team@day"]))["team@day"]
    await stores.aclose()
    return standing


async def fleet(store, folder, disturb):
    """Let eight processes spend, two of them until they are killed; give their ledgers and the auditor's findings."""
    ledgers = [folder / f"{number}.jsonl" for number in range(PROCESSES)]
    spenders = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            Path(__file__).with_name("spender.py"),
            store,
            ledger,
            str(ATTEMPTS // PROCESSES),
            str(number),
            str(LIMIT),
            stderr=asyncio.subprocess.PIPE,
        )
        for number, ledger in enumerate(ledgers)
    ]
    highest, ended = [], asyncio.Event()
    audit = asyncio.create_task(audited(store, highest, ended))
    for _ in range(600):
        if all(ledger.exists() and ledger.read_text().count("settled") > 10 for ledger in ledgers):
            break
        await asyncio.sleep(0.05)
    for spender in spenders[:2]:
        with suppress(ProcessLookupError):
            spender.kill()
    await disturb()
    said = [await asyncio.wait_for(spender.communicate(), 300) for spender in spenders]
    ended.set()
    final = await audit
    assert [spender.returncode for spender in spenders[2:]] == [0] * (PROCESSES - 2), said
    return [lines(ledger) for ledger in ledgers], highest, final


def lines(ledger):
    return [json.loads(line) for line in ledger.read_text().splitlines() if line.endswith("}")]


def counted(ledger):
    """Tell what of each kind a ledger knows."""
    told = Counter(line["billing"] for line in ledger if "settled" in line)
    told["sent"] = sum("sent" in line for line in ledger)
    told["refused"] = sum("refused" in line for line in ledger)
    return told


def judge(ledgers, highest, final):
    living = sum((counted(ledger) for ledger in ledgers[2:]), Counter())
    dead = sum((counted(ledger) for ledger in ledgers[:2]), Counter())
    unknown = dead["sent"] - sum(dead[word] for word in ("spent", "possibly", "free")) + 2 * 10
    print({"living": dict(living), "dead": dict(dead), "looks": len(highest), "final": final})

    assert max(standing.sum for standing in highest) <= LIMIT
    assert final.sum <= LIMIT
    assert all(line for ledger in ledgers[2:] for line in [ledger[-1].get("done")])
    # of those that lived, each is counted to the cent; of those that were killed, all that was sent is accounted for
    told = dead["spent"] * PRICE
    assert living["spent"] * PRICE <= final.spent <= living["spent"] * PRICE + told
    accounted = final.sum - (living["spent"] + living["possibly"]) * PRICE
    certain = (dead["sent"] - dead["free"]) * PRICE
    assert certain <= accounted <= certain + (dead["free"] + unknown) * PRICE


async def test_sqlite_ends_at_the_cent(tmp_path):
    """Two of eight processes are killed."""

    async def nothing():
        pass

    judge(*await fleet(str(tmp_path / "state.db"), tmp_path, nothing))


async def test_postgres_ends_at_the_cent(tmp_path, cluster):
    """Two of eight processes are killed, and then the server."""

    async def crash():
        await asyncio.to_thread(cluster.stop, "immediate")
        await asyncio.sleep(0.5)
        await asyncio.to_thread(cluster.start)

    judge(*await fleet(cluster.database(), tmp_path, crash))
