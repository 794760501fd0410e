"""What one process tells, another believes; and a hostile row does nothing but a warning."""

import json

import pytest
from attrs import frozen

from pixroute.health.admission import Settlement
from pixroute.health.registry import still
from pixroute.health.scopes import Keys
from pixroute.health.states import OpenReason
from pixroute.health.telling import Telling, digest
from pixroute.latency import Quantiles
from pixroute.outcome import HealthSignal, Hold
from pixroute.policy import BreakerPolicy

KEYS = Keys(provider="one", upstream="up", account="purse", origin="https://up.test", resolution="2K")
NOW = 0.0
UPSTREAM, TIMES, ACCOUNT = f"upstream {digest('up')} 2K", f"times {digest('one up')} 2K", f"account {digest('purse')}"


@frozen
class Heard:
    """A row of the store."""

    owner: str
    key: str
    value: str
    age: float = 0.0


class Process:
    """A health, and its ear and mouth."""

    def __init__(self, name):
        self.name, self.health, self.warnings = name, still(NOW), []
        self.health.status(KEYS, NOW)
        self.health.latency(KEYS, Quantiles(10, 20, 30))
        credentials = {"purse": lambda: "fingerprint"}
        self.telling = Telling(self.health, host=name, credentials=lambda: credentials, warn=self.warnings.append)

    def admit(self, prompt, now=NOW):
        """Let a request begin."""
        return self.health.admit(
            KEYS,
            now,
            policy=BreakerPolicy(),
            request=f"{self.name}-{prompt}",
            evidence=f"{prompt:08d}".encode(),
            expected=Quantiles(10, 20, 30),
            timeout=100,
        )

    def fail(self, prompt):
        """Let a request fail hard."""
        self.admit(prompt).settle(Settlement(HealthSignal.HARD, HealthSignal.SUCCESS), NOW)

    def rows(self):
        """Give what it tells as rows."""
        return [Heard(self.name, key, value) for key, value in (self.telling.facts(NOW) or {}).items()]

    @property
    def reason(self):
        """Why the upstream is open here."""
        return self.health.status(KEYS, NOW).reason


def test_together_they_open_and_alone_again_they_go_on():
    """Three processes see two failures each: more than five in a row."""
    one, *others = [Process(name) for name in "abc"]
    for number, process in enumerate((one, *others)):
        process.fail(2 * number)
        process.fail(2 * number + 1)
    one.telling.hear([row for other in others for row in other.rows()], NOW)
    opened = one.reason
    one.telling.alone(NOW)

    assert opened is OpenReason.STREAK
    assert one.telling.processes == 1
    assert one.warnings == []


def test_what_ended_within_the_usual_time_is_told():
    """Of calls that usually take 20 s: what ended in the last 20 s, and what of it failed."""
    one = Process("a")
    for prompt, (at, signal) in enumerate(
        [(0, HealthSignal.SUCCESS), (5, HealthSignal.HARD), (9, HealthSignal.SUCCESS), (9, HealthSignal.HARD)]
    ):
        one.admit(prompt).settle(Settlement(signal, HealthSignal.SUCCESS), at)
    one.admit(9, now=9)
    ((_, _, breaker),) = [each for each in one.health.breakers() if each[1] == "2K"]
    early, later = breaker.testify(12), breaker.testify(26)

    assert (early.lately, early.lately_bad) == (4, 2)
    assert (later.lately, later.lately_bad) == (2, 1)
    assert later.settled == 4


def test_what_has_not_changed_is_not_written_again():
    """But what has is."""
    one = Process("a")

    assert one.telling.facts(NOW) is not None
    assert one.telling.facts(NOW) is None
    one.fail(1)
    assert one.telling.facts(NOW) is not None


def test_a_hold_is_heard_for_the_same_credential_only():
    """And ends when nobody tells it any more."""
    one, other = Process("a"), Process("b")
    other.health.hold("purse", Hold(first=60, longest=60), NOW, lambda: "fingerprint")
    rows = other.rows()
    one.telling.hear(rows, NOW)
    held = one.health.holds.until("purse", NOW)
    told_on = one.health.holds.told(NOW)
    one.telling.hear([row for row in rows if not row.key.startswith("account")], NOW)

    assert held == pytest.approx(60)
    assert told_on == {}
    assert one.health.holds.until("purse", NOW) is None


WRONG = {"left": "soon", "host": 3, "in_flight": -1, "successes": 4}
HUGE = {"left": 1e30, "host": "h" * 99, "until": 1e30, "successes": [[999, 1]]}
HOSTILE = ["", "null", "{", "[" * 9000, '"x"', "7" * 20_000, json.dumps(WRONG), json.dumps(HUGE)]


@pytest.mark.parametrize("key", [UPSTREAM, TIMES, ACCOUNT, "process"])
@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_row_does_nothing_but_one_warning(key, value):
    """However often it is read; the text itself is not repeated."""
    one = Process("a")
    before = one.health.report(NOW)
    for _ in range(3):
        one.telling.hear([Heard("mallory", key, value)], NOW)

    assert one.health.report(NOW) == before
    assert len(one.warnings) == 1
    assert len(one.warnings[0]) < 200


@pytest.mark.parametrize("key", ["", "upstream", "mood 7", "upstream x y z", "\\x00"])
def test_an_unknown_row_is_passed_over(key):
    """A newer process may tell more."""
    one = Process("a")
    one.telling.hear([Heard("newer", key, '{"v":9}')], NOW)

    assert one.reason is None
    assert one.warnings == []
