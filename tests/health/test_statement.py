"""The text of what a process tells of one breaker: written, read by older and newer ones, and by nobody fooled."""

import json
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixroute.health.statement import LONGEST, Statement, Unreadable, read, write
from pixroute.health.states import OpenReason, State

FULL = Statement(
    state=State.OPEN,
    reason=OpenReason.OVERDUE,
    opened_at=90.0,
    until=130.0,
    doublings=2,
    hinted_until=140.0,
    told=OpenReason.FORBIDDEN,
    told_until=150.0,
    in_flight=3,
    row=(("0" * 16, 80.0), ("a" * 16, 95.5)),
    bad_count=2,
    settled=4,
    success_at=50.0,
)


def test_what_is_read_is_what_was_written():
    """Times move with the reader's clock: only their distance from the telling is told."""
    text = write(FULL, now=100.0)
    moved = read(text, at=1100.0)

    assert read(text, at=100.0) == FULL
    assert (moved.until, moved.row[1][1], moved.closed_at) == (1130.0, 1095.5, -inf)


def test_what_is_as_ever_is_not_written():
    """Nothing to say is a version alone."""
    assert json.loads(write(Statement(), now=5.0)) == {"v": 1}


def test_an_older_and_a_newer_process_understand_each_other():
    """Unknown fields are passed over, missing ones are as by default."""
    newer = json.dumps({"v": 7, "in_flight": 2, "mood": ["fine"]})

    assert read(newer, at=0.0) == Statement(in_flight=2)


HOSTILE = [
    "", "null", "[]", "17", "{", "[" * 5000, "\x00", '{"v":1,"state":"ajar"}', '{"state":["open"]}', '{"reason":1}',
    '{"in_flight":-1}', '{"in_flight":true}', '{"in_flight":1e3}', '{"in_flight":10000000000000}', '{"until":"soon"}',
    '{"until":NaN}', '{"until":Infinity}', '{"until":1e300}', '{"told":"streak"}', '{"told":"hint"}', '{"row":{}}',
    '{"row":[["x",1]]}', '{"row":[["0000000000000000"]]}', '{"row":[["https://a.test/"  ,1]]}', '{"probing":1}',
    '{"row":[["0000000000000000",NaN]]}', json.dumps({"bad": [["0" * 16, 1]] * 17}), '{"refused":"yes"}',
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_value_is_refused(text):
    """With a reason, and without the text itself in it."""
    with pytest.raises(Unreadable) as raised:
        read(text, at=0.0)

    assert len(str(raised.value)) < 80
    assert "test/" not in str(raised.value)


@given(
    text=st.one_of(
        st.text(),
        st.dictionaries(st.sampled_from([*Statement.__annotations__, "v"]), st.from_type(object), max_size=5).map(
            lambda table: json.dumps(table, default=str)
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["row", "until"]), inner),
        ).map(json.dumps),
    )
)
def test_any_text_is_read_or_refused(text):
    """Nothing else is raised, and nothing comes in that is out of bounds."""
    try:
        said = read(text, at=0.0)
    except Unreadable:
        return

    assert 0 <= said.in_flight <= 1_000_000
    assert said.until == -inf or abs(said.until) <= LONGEST
    assert len(said.row) <= 16
