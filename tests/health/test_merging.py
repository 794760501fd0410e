"""What a breaker believes of what all processes say (semantics §4.3)."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pixroute.health.merging import NOBODY, Voice, merge, share
from pixroute.health.statement import Statement
from pixroute.health.states import OpenReason, State
from pixroute.policy import BreakerPolicy

POLICY = BreakerPolicy()
NOW = 10_000.0
BUSY = Statement(in_flight=5, settled=5, success_at=NOW - 300)


def digests(*names, at=NOW - 10):
    """Give failures by name."""
    return tuple((f"{name:016x}", at) for name in names)


def voices(*said, host=None):
    """Give one voice for each, of hosts of their own."""
    return [Voice(who=f"p{number}", host=host or f"h{number}", said=one) for number, one in enumerate(said)]


def heard(*said, by_host=False, host=None):
    """Merge what the first hears of the others."""
    own, *others = voices(*said, host=host)
    return merge(own, others, POLICY, NOW, by_host=by_host)


def late(count):
    """Say that so many are overdue."""
    return evolve(BUSY, overdue=count)


def slow(count, *, well, bad=0):
    """Say that so many are overdue, while so many succeeded and failed lately."""
    return evolve(late(count), lately=well + bad, lately_bad=bad, settled=20)


def row(*names, at=NOW - 10):
    """Say that these failed in a row."""
    return evolve(BUSY, row=digests(*names, at=at), bad=digests(*names, at=at), bad_count=len(names), settled=20)


def opened(reason=OpenReason.OVERDUE, at=NOW - 10):
    """Say that it is open."""
    return Statement(state=State.OPEN, reason=reason, opened_at=at, until=NOW + 30, success_at=NOW - 300)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([late(1), late(1), late(1)], OpenReason.OVERDUE),
        ([late(2), late(1)], OpenReason.OVERDUE),
        ([late(9), BUSY], None),  # one voice
        ([BUSY, late(9)], None),
        ([late(1), late(1), BUSY], None),
        ([late(1), opened()], OpenReason.OVERDUE),
        ([BUSY, opened()], None),
        ([late(1), opened(at=NOW - 400)], None),  # somebody had a success since
        ([late(1)] + [late(0)] * 30 + [late(9)], None),  # of many, each says little
        ([evolve(late(1), in_flight=200)] * 3, None),  # a hundredth of 600
        ([evolve(late(2), in_flight=200)] * 3, OpenReason.OVERDUE),
        ([slow(1, well=3)] * 3, OpenReason.OVERDUE),  # a quarter of all
        ([slow(1, well=4)] * 3, None),  # a slow spell: others are answered
        ([slow(9, well=0), slow(1, well=8)], None),  # the one that waits most outweighs nobody
        ([slow(9, well=0), slow(1, well=7)], OpenReason.OVERDUE),
        ([slow(1, well=4, bad=2)] * 3, OpenReason.OVERDUE),  # what fails is not well
        ([late(1), late(1), slow(1, well=3)], OpenReason.OVERDUE),  # older processes tell no such counts
        ([slow(0, well=40), opened(), late(2)], None),
        ([row(1, 2), row(3, 4), row(5)], OpenReason.STREAK),
        ([row(1, 2, 3, 4, 5, 6), BUSY], None),
        ([row(1)] * 9, None),  # a poison prompt that goes around
        ([row(1, 2), row(3, 4), evolve(row(5), success_at=NOW - 5)], None),  # a success ends the row
        ([row(1, 2), row(3, 4), row(5, at=NOW - 8000)], None),
        ([evolve(row(1, 2), refused=True), row(3, 4), evolve(row(5), youngest_at=NOW - 10)], None),  # others work
    ],
)
def test_rules(said, found):
    """Enough of all together, never of one."""
    assert heard(*said).sick is found


def test_a_streak_is_answers_only_where_all_of_it_is():
    """What timed out in one process is silence in all; who has nothing to say of it is not asked."""
    answers = evolve(row(1, 2), answered=True), evolve(row(3, 4), answered=True), BUSY

    assert heard(*answers, evolve(row(5), answered=True)).answered
    assert not heard(*answers, row(5)).answered


def test_half_of_what_ended_has_failed():
    """Not of one alone, however many it says."""
    half = evolve(BUSY, bad_count=3, settled=6, success_at=NOW - 1)
    sick = evolve(BUSY, bad_count=500, settled=500, success_at=NOW - 1)

    assert heard(half, half, half).sick is OpenReason.RATE
    assert heard(sick, BUSY, BUSY).sick is None
    assert heard(sick, BUSY, evolve(BUSY, bad_count=1, success_at=NOW - 1)).sick is None


def test_one_host_is_one_voice_of_an_origin():
    """Its processes share what lies between them and the origin; and silence is no evidence of an origin."""
    said = [row(1, 2), row(3, 4), row(5, 6)]

    assert heard(*said, by_host=True).sick is OpenReason.STREAK
    assert heard(*said, by_host=True, host="one").sick is None
    assert heard(late(2), late(2), late(2), by_host=True).sick is None


def test_one_voice_is_enough_for_what_the_upstream_said():
    """The longest hint, and the longest answer that was enough."""
    told = heard(
        BUSY,
        evolve(BUSY, hinted_until=NOW + 40, told=OpenReason.FORBIDDEN, told_until=NOW + 60),
        evolve(BUSY, hinted_until=NOW + 20, told=OpenReason.MODEL_GONE, told_until=NOW + 3000),
    )

    assert (told.hinted_until, told.told, told.told_until) == (NOW + 40, OpenReason.MODEL_GONE, NOW + 3000)


def test_a_ramp_that_closed_ends_what_was_before():
    """Who is still open for the old reason is no evidence any more."""
    assert heard(late(1), opened(), evolve(BUSY, closed_at=NOW - 5)).sick is None


@pytest.mark.parametrize(
    ("need", "speakers", "most"), [(3, 2, 2), (3, 3, 2), (3, 8, 1), (5, 2, 4), (5, 32, 1), (20, 32, 2)]
)
def test_a_share_is_never_all(need, speakers, most):
    """One less than the rule needs, and less where many could speak."""
    assert share(need, speakers) == most


TIMES = st.one_of(st.just(float("-inf")), st.floats(NOW - 9000, NOW + 900))
COUNTS = st.integers(0, 300)
FAILURES = st.lists(st.tuples(st.integers(0, 40).map(lambda n: f"{n:016x}"), st.floats(NOW - 9000, NOW)), max_size=16)
SAID = st.builds(
    Statement,
    state=st.sampled_from(State),
    reason=st.one_of(st.none(), st.sampled_from(OpenReason)),
    closed_at=TIMES,
    opened_at=TIMES,
    until=TIMES,
    hinted_until=TIMES,
    in_flight=COUNTS,
    overdue=COUNTS,
    working=COUNTS,
    youngest_at=TIMES,
    row=FAILURES.map(tuple),
    bad=FAILURES.map(tuple),
    bad_count=COUNTS,
    settled=COUNTS,
    refused=st.booleans(),
    success_at=TIMES,
    probing=st.booleans(),
    proven=st.booleans(),
    allowed=st.integers(0, 128),
    setbacks=COUNTS,
)


@given(own=SAID, others=st.lists(SAID, max_size=6), data=st.data(), by_host=st.booleans())
def test_order_and_duplicates_are_of_no_matter(own, others, data, by_host):
    """Who is read first, or twice, changes nothing."""
    first, *rest = voices(own, *others)
    mixed = data.draw(st.permutations(rest + rest[:2]))

    assert merge(first, mixed, POLICY, NOW, by_host=by_host) == merge(first, rest, POLICY, NOW, by_host=by_host)


@given(
    liar=SAID, sound=st.lists(st.builds(lambda n: evolve(BUSY, in_flight=n), st.integers(1, 9)), min_size=1, max_size=5)
)
def test_nobody_opens_anything_for_others_alone(liar, sound):
    """Whatever one process says, those who are well stay closed."""
    own, *others = voices(*sound, liar)

    assert merge(own, others, POLICY, NOW).sick is None


@given(own=SAID)
def test_who_is_alone_hears_nobody(own):
    """One process decides by its own rules only."""
    assert evolve(merge(voices(own)[0], [], POLICY, NOW), in_flight=0) == NOBODY
