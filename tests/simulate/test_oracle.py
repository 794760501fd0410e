"""The oracle, and the distance to it."""

import pytest

from pixroute.group import Group
from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.figures import beside, measure
from pixroute.simulate.policies import DEFAULT, ORACLE
from pixroute.simulate.run import simulate
from pixroute.testing import run_virtual


@pytest.fixture
def asks(make_world):
    """Let the oracle serve one order; give by whom, when it ended, and whom it asked."""

    def asks_(order, *faults):
        world = make_world(*faults)

        async def main():
            import asyncio  # noqa: PLC0415 - the loop's time

            by = await ORACLE.start(world, 1).ask(order)
            return by, asyncio.get_running_loop().time()

        by, at = run_virtual(main())
        return by, at, [call.provider for call in world.calls]

    return asks_


def test_the_oracle_asks_nobody_who_will_not_deliver(asks, make_order):
    """A hung primary is passed by, unasked."""
    by, _, asked = asks(make_order(leaves_after=400), SimulatedFault(on="banana", kind="hang"))

    assert (by, asked) == ("seedream", ["seedream"])


def test_the_oracle_waits_for_a_fault_to_end(asks, make_order):
    """While the caller is there."""
    by, at, asked = asks(make_order(leaves_after=400), SimulatedFault(on="*", kind="overloaded", lasts=120))

    assert (by, asked) == ("banana-http", ["banana-http"])
    assert 120 < at < 400


def test_of_a_group_the_oracle_asks_who_delivers_first(make_world, make_order):
    """The two ways of one upstream are a group; one of them is refused."""
    chain = (Group(any=("banana-http", "seedream")),)
    world = make_world(chain=chain)

    by = run_virtual(ORACLE.start(world, 1).ask(make_order()))

    assert by == "seedream"


def test_nobody_serves_poison(asks, make_order):
    """The oracle knows at once."""
    assert asks(make_order(poison=True)) == (None, 0, [])


def test_foreseeing_changes_nothing(make_world, make_order):
    """A call that was foreseen is answered as foreseen, as often as one looks."""
    world, order = make_world(SimulatedFault(on="banana", kind="overloaded", share=0.5)), make_order()

    async def main():
        seen = [world.foresee("banana-http", order, "4K") for _ in range(3)]
        return seen, await world.call("banana-http", order, "4K")

    seen, answer = run_virtual(main())

    assert seen == [answer] * 3


@pytest.mark.slow  # an hour of traffic, twice
def test_regret_is_measured_in_the_same_world(hour):
    """The oracle has none; ours delivers as often and not faster at P99."""
    oracle, ours = (measure([simulate(hour, each, 1)]) for each in (ORACLE, DEFAULT))

    none, regret = (each.regret for each in beside(oracle, [oracle, ours]))

    assert (none.success, none.dollars, none.p50, none.p99) == (0, 1, 1, 1)
    assert regret.success == 0
    assert regret.p99 >= 1
