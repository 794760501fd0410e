"""One process of a fleet: it takes leases of one budget, settles them, and notes each on disk as it is known.

Started by `test_fleet_money.py`: spender.py STORE LEDGER ATTEMPTS SEED LIMIT
"""

import asyncio
import json
import os
import random
import sys

from pixroute.shared import Leases, LeaseSettlement, open_stores
from pixroute.shared.lease import Lease, LeaseHold

PRICE, AT_ONCE = 10_000, 10


async def spend(leases, note, numbers, chance, limit):
    for number in numbers:
        attempt = f"{leases.owner}-{number}"
        hold = LeaseHold(kind="budget", name="team@day", amount=PRICE, limit=limit, ends=2e9)
        note(asked=attempt)
        while (refused := await leases.take(Lease(attempt=attempt, holds=(hold,), seconds=3600))) is not None:
            if refused.left is not None:
                note(refused=attempt)
                break
            await asyncio.sleep(0.1)  # the store is away
        if refused is not None:
            continue
        note(sent=attempt)
        await asyncio.sleep(chance.uniform(0, 0.02))
        billing = chance.choice(["spent", "possibly", "free"])
        note(settled=attempt, billing=billing)
        leases.settle(LeaseSettlement(attempt=attempt, **({billing: PRICE} if billing != "free" else {})))


async def main(store, ledger, attempts, seed, limit):
    stores = open_stores(store)
    leases = Leases(stores.kept, told=lambda state, text: print(state, text, file=sys.stderr))
    lines = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(**facts):
        os.write(lines, json.dumps(facts).encode() + b"\n")

    numbers = iter(range(int(attempts)))
    chance = random.Random(int(seed))
    await asyncio.gather(*(spend(leases, note, numbers, chance, int(limit)) for _ in range(AT_ONCE)))
    for _ in range(600):
        if not leases.owes:
            break
        await asyncio.sleep(0.05)
    await leases.aclose()
    await stores.aclose()
    note(done=leases.owner)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
