"""When a limit strikes, and what puts it off for a moment, in virtual time."""

import asyncio
from math import inf

import pytest

from pixroute.http.wire.clock import TURNS, WHOLE_TURN, Grace, Limit, after_a_turn
from pixroute.testing.virtual import run_virtual


def turns_until(until):
    """Count the turns of the loop that pass before a call; the loop's time is 0 throughout."""

    async def count():
        called, turns = [], 0
        after_a_turn(lambda: called.append(None), until=until)
        while not called:
            turns += 1
            await asyncio.sleep(0)
        return turns

    return run_virtual(count())


def test_a_whole_turn_is_waited_and_more_while_there_is_time():
    """What arrived while the loop was busy is read in one turn and handled in the next; a connection takes eight."""
    assert turns_until(0) == WHOLE_TURN == 3
    assert turns_until(-1) == 3
    assert turns_until(inf) == 8


class Strike:
    """A limit whose `due`, `time` and `moved` are attributes, and when it struck."""

    def __init__(self, due=10.0):
        self.loop = asyncio.get_running_loop()
        self.due, self.moved, self.struck, self.lag = due, 0, [], 0.0
        self.limit = Limit(
            due=lambda: self.due,
            time=self.time,
            moved=lambda: self.moved,
            strike=lambda: self.struck.append(self.time()),
        )

    def time(self):
        """Give the loop's time, late by `lag`."""
        return self.loop.time() + self.lag


def struck(use, seconds=100):
    """Use a limit for so many seconds; tell when it struck."""

    async def main():
        strike = Strike()
        await use(strike)
        await asyncio.sleep(seconds)
        return strike.struck

    return run_virtual(main())


def test_a_limit_strikes_once():
    """However often it is set after that."""

    async def use(strike):
        strike.limit.moved_to(10)
        await asyncio.sleep(11)
        strike.limit.moved_to(12)

    assert struck(use) == [10]


def test_a_limit_that_is_cancelled_never_strikes():
    """Before it rings, in the moment in which it does, and when it is set again."""

    async def before(strike):
        strike.limit.moved_to(10)
        await asyncio.sleep(9)
        strike.limit.cancel()
        strike.limit.moved_to(5)

    async def meanwhile(strike):
        strike.limit.moved_to(10)
        strike.loop.call_at(10.0005, strike.limit.cancel)
        await asyncio.sleep(10)
        strike.loop.call_soon(strike.limit.cancel)

    async def unset(strike):
        strike.limit.cancel()

    assert struck(before) == struck(meanwhile) == struck(unset) == []


def test_a_limit_rings_no_earlier_than_it_is_due():
    """A timer that comes too early is set again, as often as the limit moves."""

    async def use(strike):
        strike.limit.moved_to(10)
        strike.due = 20
        await asyncio.sleep(15)
        strike.due = 30

    assert struck(use) == [30]


def test_a_limit_that_comes_sooner_takes_the_place_of_the_timer():
    """One that comes later does not: the earlier timer looks when it is due."""

    async def use(strike):
        strike.limit.moved_to(50)
        strike.limit.moved_to(10)
        strike.limit.moved_to(90)
        timers = [handle for handle in strike.loop._scheduled if not handle.cancelled()]
        assert len(timers) == 1

    assert struck(use) == [10]


def test_no_limit_sets_no_timer():
    """And a limit that has become none is not rung again."""

    async def never(strike):
        strike.due = inf
        strike.limit.moved_to(inf)
        assert not strike.loop._scheduled

    async def no_longer(strike):
        strike.limit.moved_to(10)
        strike.due = inf
        await asyncio.sleep(11)
        assert not strike.loop._scheduled
        strike.due = 20
        strike.limit.moved_to(20)

    assert struck(never) == []
    assert struck(no_longer) == [20]


def test_a_limit_in_the_past_strikes_at_the_next_moment():
    """A millisecond: no clock is finer, and nothing is struck while it is set."""

    async def use(strike):
        await asyncio.sleep(50)
        strike.limit.moved_to(10)
        assert strike.struck == []

    assert struck(use) == [pytest.approx(50.001, abs=1e-6)]


def test_what_had_arrived_when_it_struck_may_move_the_limit():
    """The loop was busy: the bytes lie in the socket, and are handled a turn after the timer."""

    async def use(strike):
        def arrive():
            strike.due, strike.moved = 40, 1

        strike.limit.moved_to(10)
        strike.loop.call_at(10, lambda: strike.loop.call_soon(arrive))

    assert struck(use) == [40]


def test_while_bytes_come_a_limit_is_put_off_for_a_moment_and_no_longer():
    """A fifth of a second: a stream that never stands still is cut all the same."""

    async def drip(strike, count):
        for _ in range(count):
            strike.lag += 0.01
            strike.moved += 1
            await asyncio.sleep(0)

    async def main(count):
        strike = Strike()
        strike.limit.moved_to(10)
        await asyncio.sleep(9.9999)
        await asyncio.sleep(0.0001)
        await drip(strike, count)
        await asyncio.sleep(5)
        return strike.struck, strike.lag

    (at,), _ = run_virtual(main(200))
    assert at == pytest.approx(10.2, abs=0.09)
    (at,), lag = run_virtual(main(12))
    assert at == pytest.approx(10 + lag, abs=0.001)


def turns_to_strike(jump=None):
    """Count the turns from a limit's ring to its strike, at 10 s; in the turn `jump` the loop is late by the grace."""

    async def main():
        strike = Strike()
        strike.limit.moved_to(10)
        await asyncio.sleep(10)
        turns, clock = 1, strike.loop.time  # it rang in the turn in which we woke
        while not strike.struck:
            turns += 1
            if turns == jump:
                strike.loop.time = lambda: clock() + 0.201
            await asyncio.sleep(0)
        return turns

    return run_virtual(main())


def test_after_it_rang_a_limit_waits_its_turns_and_no_longer_than_the_grace():
    """A busy loop whose every turn takes long does not put it off eight times."""
    assert turns_to_strike() == TURNS
    assert turns_to_strike(jump=5) == 5


def test_a_limit_that_moved_while_it_was_put_off_gets_a_new_moment():
    """What was seen of the first strike says nothing of the second."""

    async def main():
        strike = Strike()
        strike.limit.moved_to(10)
        await asyncio.sleep(10)
        strike.due = 20
        await asyncio.sleep(9)
        strike.loop.call_at(20, lambda: strike.loop.call_soon(lambda: setattr(strike, "due", 30)))
        await asyncio.sleep(30)
        return strike.struck

    assert run_virtual(main()) == [30]


def test_grace_lasts_while_something_came_since_the_last_look():
    """And a fifth of a second at most."""
    grace = Grace(10.0, 0)

    assert grace.lasts(10.1, 1)
    assert not grace.lasts(10.1, 1)
    assert grace.lasts(10.19, 2)
    assert not grace.lasts(10.2, 3)
    assert Grace(10.0, 3).lasts(10.1, 2), "whatever the count, another one is news"
