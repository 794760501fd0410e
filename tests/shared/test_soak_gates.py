"""The soak's own judge of a fleet's breakers finds what it is there for."""

import json

from tests.soak.gates import check


def lines(*told):
    """Write down what a process told: (at, state), or (at, attempt, True for its start)."""
    made = []
    for at, what, *starts in told:
        if not starts:
            made.append({"what": "breaker", "at": at, "key": "u 1K", "state": what})
        elif starts[0] is True:
            made.append({"what": "started", "at": at, "attempt": what, "keys": ["u 1K", "https://u.test"]})
        else:
            made.append({"what": "finished", "at": at, "attempt": what, "good": starts[1], "queued": starts[2]})
    return [json.dumps(one) for one in made]


HALF_OPEN = ((1.0, "open"), (2.0, "half-open"))


def test_one_probe_in_each_process_is_the_most():
    """Two processes with a probe each, as where the store is away, may be; four probes at once may not."""
    one, two = lines(*HALF_OPEN, (2.1, "a", True)), lines(*HALF_OPEN, (2.2, "b", True))
    many = lines(*HALF_OPEN, (2.2, "b", True), (2.3, "c", True), (2.4, "d", True))

    assert check({"one": one, "two": two}, 2) == ([], 2)
    assert check({"one": one, "two": many}, 2)[0] == ["I7 of the fleet: d of two in u 1K is number 4 of at most 3"]


def test_a_ramp_lets_more_pass_and_what_was_never_sent_is_none():
    """A success doubles; an attempt that ended at the gate was sent to nobody."""
    begun = [(2.2, "b", True), (2.3, "c", True)]
    grown = lines(*HALF_OPEN, (2.0, "a", True), (2.1, "a", False, True, False), *begun, (2.4, "d", True))
    queued = lines(*HALF_OPEN, *begun, (2.4, "d", True), (2.5, "d", False, False, True))

    assert check({"one": grown}, 1) == ([], 3)
    assert check({"one": queued}, 1) == ([], 2)
    assert len(check({"one": lines(*HALF_OPEN, *begun, (2.4, "d", True))}, 1)[0]) == 1
