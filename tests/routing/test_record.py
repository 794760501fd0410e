"""What happened, as a table a person can read."""

from decimal import Decimal

from pixroute import FailureKind, Stage
from pixroute.cost import Cost
from pixroute.outcome import Billing, Failure
from pixroute.routing.record import AttemptRecord, Decision, Record
from pixroute.routing.view import Verdict


def attempt(provider, **fields):
    """Give an attempt that took from 1 to 3.5 s and cost $0.04."""
    common = {"id": "r-0.1", "part": 0, "number": 1, "round": 0, "model": None, "resolution": "4K"}
    end = {"started": 1.0, "ended": 3.5, "stage": Stage.DONE, "billing": Billing.BILLED}
    fields = {**common, **end, "cost": Cost(certain=Decimal("0.04")), **fields}
    return AttemptRecord(provider=provider, **fields)


def test_a_record_prints_as_a_table():
    """One line for each attempt, then who was passed over and why, as last found; not who was not needed."""
    refused = Failure(kind=FailureKind.OVERLOADED, message="busy")
    record = Record(
        request_id="r",
        chain="default",
        seconds=9.0,
        attempts=(
            attempt("one", failure=refused, stage=Stage.WAIT, billing=Billing.FREE, cost=Cost()),
            attempt("two", won=True),
            attempt("three"),
        ),
        decisions=(
            Decision(at=0, part=0, action="start one", verdicts={"one": Verdict.READY, "four": Verdict.READY}),
            Decision(
                at=1,
                part=0,
                action="start two",
                verdicts={"one": Verdict.TRIED, "four": Verdict.OPEN, "five": Verdict.READY},
            ),
        ),
    )

    assert str(record).splitlines() == [
        "provider  result                        stage  seconds  billing  cost",
        "one       overloaded                    wait   2.5      free     $0 certain",
        "two       picture                       done   2.5      billed   $0.04 certain",
        "three     picture, not needed           done   2.5      billed   $0.04 certain",
        "four      skipped: its breaker is open",
    ]


def test_an_attempt_tells_its_kind_and_its_seconds():
    """None stands for a picture."""
    assert (attempt("one").seconds, attempt("one").kind) == (2.5, None)
