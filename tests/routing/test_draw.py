"""Who of a group comes first (semantics §3.5)."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixroute.routing.draw import Chance, draw

FREE = Chance()
HELD = Chance(kept_by="account held")


def firsts(spread, shares, draws, chances=None):
    """Draw many times in a row; give who came first each time."""
    earned, found = (0,) * len(shares), []
    for _ in range(draws):
        order = draw(spread, shares, earned, chances or [FREE] * len(shares))
        earned = order.earned
        found.append(order.places[0])
    return found


def test_in_turn_goes_round():
    assert firsts("in-turn", (1, 1, 1), 7) == [0, 1, 2, 0, 1, 2, 0]


def test_shares_are_met_and_mixed():
    """Three to one comes as a a b a, never as a run of the one."""
    found = firsts({"a": 3, "b": 1}, (3, 1), 8)

    assert found == [0, 0, 1, 0, 0, 0, 1, 0]


def test_who_is_kept_loses_no_turn_and_nobody_gets_his_twice():
    """Of four, two are held: the other two share evenly, though a plain rotation would give one of them three."""
    found = firsts("in-turn", (1, 1, 1, 1), 100, [FREE, HELD, HELD, FREE])

    assert Counter(found) == {0: 50, 3: 50}


def test_who_comes_back_is_not_flooded():
    """What passed while one was held is not made up for."""
    earned = (0, 0, 0)
    for _ in range(1000):
        earned = draw("in-turn", (1, 1, 1), earned, [FREE, FREE, HELD]).earned

    after = []
    for _ in range(9):
        order = draw("in-turn", (1, 1, 1), earned, [FREE, FREE, FREE])
        earned = order.earned
        after.append(order.places[0])
    assert Counter(after) == {0: 3, 1: 3, 2: 3}


def test_least_busy_comes_first_and_equals_take_turns():
    busy = [Chance(2), Chance(1), Chance(1)]

    assert firsts("least-busy", (1, 1, 1), 4, busy) == [1, 2, 1, 2]
    assert draw("least-busy", (1, 1, 1), (0, 0, 0), busy).places == (1, 2, 0)


@pytest.mark.parametrize(
    ("spread", "shares", "chances", "why"),
    [
        ("in-turn", (1, 1), [FREE, FREE], "in turn"),
        ("in-turn", (1, 1), [FREE, HELD], "the only one that may start now"),
        ("in-turn", (1, 1), [HELD, HELD], "nobody may start now, in the order of the chain"),
        ({"a": 3, "b": 1}, (3, 1), [FREE, FREE], "in turn, 3 of 4"),
        ("least-busy", (1, 1), [Chance(2), Chance(1)], "least busy, 1 in flight"),
        ("least-busy", (1, 1), [Chance(1), Chance(1)], "least busy, 1 in flight, in turn with 1 more"),
    ],
)
def test_the_reason_is_told(spread, shares, chances, why):
    assert draw(spread, shares, (0, 0), chances).why == why


@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=6),
    st.sampled_from(["in-turn", "least-busy", {}]),
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=6, max_size=6), min_size=1, max_size=60),
)
def test_every_draw_is_an_order_of_all_and_credit_stays_bounded(shares, spread, draws):
    """Whoever is kept stands behind whoever is not; what all have earned adds up to nothing and stays small."""
    shares = tuple(shares if isinstance(spread, dict) else [1] * len(shares))
    earned = (0,) * len(shares)
    for each in draws:
        chances = [Chance(busy, "held" if held else "") for busy, held in each[: len(shares)]]
        order = draw(spread, shares, earned, chances)
        earned = order.earned

        assert sorted(order.places) == list(range(len(shares)))
        kept = [bool(chances[place].kept_by) for place in order.places]
        assert not any(before and not after for before, after in pairwise(kept))
        assert sum(earned) == 0
        assert max(map(abs, earned)) <= sum(shares) * len(shares)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_over_one_cycle_each_gets_its_share_exactly(shares):
    found = Counter(firsts({}, tuple(shares), sum(shares)))

    assert [found[place] for place in range(len(shares))] == shares
