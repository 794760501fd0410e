"""Observers are told one by one, and none of them can hurt a request or another."""

import logging

import pytest

from pixroute.routing.observers import Observers


@pytest.fixture
def clock():
    """A clock that stands still until it is moved."""
    return {"now": 0.0}


def test_what_one_raises_is_named_once_and_counted(clock, caplog):
    """The others are told all the same."""
    told = []

    def broken(event):
        raise RuntimeError("observer broke")

    observers = Observers({"broken": broken, "good": told.append}, lambda: clock["now"])
    with caplog.at_level(logging.WARNING, logger="pixroute"):
        observers.emit("one")
        observers.emit("two")

    assert told == ["one", "two"]
    assert observers.failures == {"broken": 2}
    assert [record.getMessage() for record in caplog.records] == [
        "observer broken raised; further failures are only counted"
    ]


@pytest.mark.parametrize(("took", "slow"), [(0.9, 0), (1.0, 1)])
def test_one_that_holds_the_loop_is_named_with_its_time(clock, caplog, took, slow):
    """Everybody waited for it."""

    def holds(event):
        clock["now"] += took

    observers = Observers({"holds": holds}, lambda: clock["now"])
    with caplog.at_level(logging.WARNING, logger="pixroute"):
        observers.emit("one")

    assert observers.slow["holds"] == slow
    assert ("observer holds held the loop for 1.0 s" in caplog.text) is bool(slow)
