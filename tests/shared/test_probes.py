"""A fleet probes once: who is about to probe asks the store, a quarter of a second at most, else it plans without."""

import asyncio
import sqlite3
import time
from contextlib import closing, suppress
from random import Random

import pytest

from pixroute import AllProvidersFailed, FailureKind, Router
from pixroute.config.shared import SharedSettings
from pixroute.events import BreakerChanged
from pixroute.health.telling import digest
from pixroute.policy import BreakerPolicy, Policy, RetryPolicy
from pixroute.shared import Leases, Stores, open_stores
from pixroute.shared.lease import Lease, LeaseHold
from pixroute.simulate.scenario import ScenarioFleet
from pixroute.simulate.store import SimulatedKept, SimulatedStore, SimulatedTold
from pixroute.testing import FakeProvider, fail, fake_router, picture, run_virtual

FAILS = [fail(FailureKind.SERVER_ERROR, status=500)] * 5
POLICY = Policy(breaker=BreakerPolicy(open_for=0.4), retry=RetryPolicy(quick=False, rounds=()))


class Sick:
    """A router whose first provider has failed five requests, and the changes of its breaker."""

    def __init__(self, store, *, probe=0.0, second=True):
        self.first = FakeProvider(*FAILS, picture(probe), upstream="u", latency=(0.2, 2.0, 5.0))
        providers = {"one": self.first} | ({"two": FakeProvider(latency=(0.2, 2.0, 5.0))} if second else {})
        self.changes = []
        self.router = Router(
            providers=providers,
            chains={"default": (list(providers), POLICY)},
            policy=POLICY,
            shared=SharedSettings(store=store),
            observers={
                "events": lambda event: self.changes.append(event) if isinstance(event, BreakerChanged) else None
            },
        )

    async def sicken(self):
        """Open the breaker, and wait until it is half-open."""
        for number in range(5):
            await self.router.generate(f"{number}")
        assert self.changes[-1].state == "open"
        await asyncio.sleep(0.6)

    async def served_by(self, prompt="again"):
        """Ask, and give who served and how long it took."""
        began = time.monotonic()
        result = await self.router.generate(prompt, timeout=20)
        assert [record.provider for record in result.record.attempts] == [result.provider], "no attempt was in vain"
        return result.provider, time.monotonic() - began


async def test_one_probes_and_the_others_plan_without(tmp_path):
    """While one process probes, another's request goes to the next provider at once; afterwards it probes itself."""
    one, other = Sick(tmp_path / "state.db", probe=1.2), Sick(tmp_path / "state.db")
    async with one.router, other.router:
        await asyncio.gather(one.sicken(), other.sicken())
        probe = asyncio.ensure_future(one.served_by())
        await asyncio.sleep(0.2)
        meanwhile, waited = await other.served_by()
        asked = len(other.first.calls)
        await probe
        await asyncio.sleep(2.5)  # told and heard within a second each
        afterwards, _ = await other.served_by()

    assert (meanwhile, afterwards, probe.result()[0]) == ("two", "one", "one")
    assert asked == 5, "nothing was sent to the sick one"
    assert waited < 0.5


async def test_a_single_provider_is_waited_for(tmp_path):
    """Where there is no other, a request waits until the other process has probed, and is served."""
    stores = open_stores(str(tmp_path / "state.db"))
    leases, sick = Leases(stores.kept), Sick(tmp_path / "state.db", second=False)
    async with sick.router:
        for number in range(5):
            with pytest.raises(AllProvidersFailed):
                await sick.router.generate(f"{number}")
        await asyncio.sleep(0.6)
        await leases.take(Lease(attempt="a", holds=(LeaseHold(kind="probe", name=digest("u")),), seconds=2.0))
        served, waited = await sick.served_by()
    await stores.aclose()

    assert served == "one"
    assert 1.5 < waited < 3.5


async def test_a_silent_store_keeps_a_probe_for_a_quarter_of_a_second(tmp_path):
    """Then the request goes elsewhere; once the store is known to be away, a process probes alone."""
    sick = Sick(tmp_path / "state.db")
    async with sick.router:
        await sick.sicken()
        with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            first, kept = await sick.served_by("first")
            at_once, kept_later = await sick.served_by("at once")
            await asyncio.sleep(1.5)
            alone, _ = await sick.served_by("alone")
            other.execute("ROLLBACK")

    assert (first, at_once, alone) == ("two", "two", "one")
    assert kept < 0.45
    assert kept_later < 0.2, "it asks again after a second only"


async def test_a_probes_lease_ends_when_it_is_settled(tmp_path):
    """And with its process, ten seconds after the attempt's time-out."""
    sick = Sick(tmp_path / "state.db")
    async with sick.router:
        await sick.sicken()
        await sick.served_by()
        await asyncio.sleep(0.2)
        with closing(sqlite3.connect(tmp_path / "state.db")) as reader:
            rows = reader.execute("SELECT * FROM pixroute_lease").fetchall()

    assert rows == []


@pytest.mark.parametrize("seconds", [300.0])
async def test_a_lease_of_a_probe_lasts_as_long_as_its_attempt_may(tmp_path, seconds):
    """Ten seconds longer than the time-out, by the store's clock."""
    sick = Sick(tmp_path / "state.db", probe=1.0)
    async with sick.router:
        await sick.sicken()
        probe = asyncio.ensure_future(sick.router.generate("probe", timeout=1000, attempt_timeout=seconds))
        await asyncio.sleep(0.3)
        with closing(sqlite3.connect(tmp_path / "state.db")) as reader:
            ((kind, name, left),) = reader.execute(
                "SELECT kind, name, until - (julianday('now') - 2440587.5) * 86400.0 FROM pixroute_lease"
            ).fetchall()
        await probe

    assert (kind, name) == ("probe", digest("u"))
    assert seconds + 8 < left < seconds + 10.1


def fleet_of(count, script):
    """Give processes in virtual time that share an upstream, and the changes of each one's breakers."""
    store = SimulatedStore(ScenarioFleet(shares=True), Random(0))
    provider = FakeProvider(*script, upstream="u", account="purse", origin="https://u.test:443", latency=(60, 90, 120))
    changes = [[] for _ in range(count)]
    routers = [
        fake_router(
            one=provider,
            policy=Policy(retry=RetryPolicy(quick=False, rounds=()), give_up_after=0),
            observers=[lambda event, told=told: told.append(event) if isinstance(event, BreakerChanged) else None],
            shared=Stores(SimulatedTold(store, number), SimulatedKept(store, number)),
        )
        for number, told in enumerate(changes)
    ]
    return routers, changes


def test_an_answered_probe_does_not_keep_the_other_resolutions_closed_until_its_picture_is_made():
    """After refusals a ramp closes by time, while the probe's picture takes a minute: others may be probed then."""
    refused = [fail(FailureKind.OVERLOADED, 0.1)] * 20

    async def main():
        (one, other), changes = fleet_of(2, [*refused, picture(60)])
        for number in range(20):
            with suppress(AllProvidersFailed):
                await (one, other)[number % 2].generate(f"{number}", size="1K" if number < 10 else "4K")
        await asyncio.sleep(13)
        at = asyncio.get_running_loop().time()
        probe = asyncio.ensure_future(one.generate("probe", size="1K"))
        await asyncio.sleep(30)  # the ramp takes 18 s
        result = await other.generate("another size", size="4K", timeout=100)
        took = asyncio.get_running_loop().time() - at
        await probe
        await asyncio.gather(one.aclose(), other.aclose())
        closed = [event.at - at for event in changes[0] if event.state == "closed" and " 1K" in event.key]
        return took, closed, len(result.record.attempts)

    took, (closed,), attempts = run_virtual(main())

    assert closed < 25
    assert (round(took), attempts) == (90, 1), "it is sent at once, not when the probe's picture is there"
