import json
from decimal import Decimal

import pytest
from click.testing import CliRunner

from pixroute import Billing, Failure, FailureKind, Stage
from pixroute.cli import main
from pixroute.cli.ledger import ledger
from pixroute.cost import Cost
from pixroute.events import AttemptFinished, AttemptStarted
from pixroute.ledger import Ledger


@pytest.fixture
def path(tmp_path):
    """A ledger of a picture, a time-out after 300 s, and an attempt whose process was killed."""
    path = tmp_path / "ledger.jsonl"
    write = Ledger(path)
    for attempt in ("a-1", "a-2", "a-3"):
        write(
            AttemptStarted(
                at=0.0,
                request="a",
                attempt=attempt,
                provider="banana",
                model="nano-banana-pro",
                resolution="4K",
                ends_at=600.0,
                price=Cost(certain=Decimal("0.09")),
            )
        )
    write(ended("a-1", Billing.BILLED, Cost(certain=Decimal("0.09")), 60.0, None))
    timeout = Failure(kind=FailureKind.TIMEOUT, message="It took too long.")
    write(ended("a-2", Billing.AMBIGUOUS, Cost(possible=Decimal("0.09")), 300.0, timeout))
    return path


def ended(attempt, billing, cost, seconds, failure):
    return AttemptFinished(
        at=seconds,
        request="a",
        attempt=attempt,
        provider="banana",
        stage=Stage.WAIT,
        billing=billing,
        cost=cost,
        seconds=seconds,
        failure=failure,
        provider_request_id=f"theirs-{attempt}",
    )


def run(*arguments):
    result = CliRunner().invoke(ledger, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_tells_totals_and_what_to_ask_about(path, monkeypatch):
    """The table adds up by provider; the lists name each attempt with the provider's own id."""
    monkeypatch.setenv("COLUMNS", "160")
    text = run(path)

    total = next(line for line in text.splitlines() if line.startswith("banana"))
    assert total.split() == ["banana", "3", "1", "3", "1", "$0.09", "$0.18"]
    assert "May have been billed, ask the provider: 2." in text
    assert "Took over 180 s: 1." in text
    assert "theirs-a-2" in text
    assert "theirs-a-1" not in text
    assert "Never settled: 1" in text


def test_over_is_a_choice(path):
    """`--over` moves the limit."""
    assert "Took over 30 s: 2." in run(path, "--over", "30")
    assert "Took over 400 s: none." in run(path, "--over", "400")


def test_json_is_one_document(path):
    """For programs: money as text, attempts by id."""
    document = json.loads(run(path, "--json"))

    assert document["ambiguous"] == ["a-2", "a-3"]
    assert document["unsettled"] == ["a-3"]
    assert document["over"] == {"seconds": 180.0, "attempts": ["a-2"]}
    assert document["totals"][0]["cost"] == {"certain": "0.09", "possible": "0.18", "currency": "USD"}
    assert [entry["kind"] for entry in document["entries"]] == [None, "timeout", None]


def test_torn_lines_are_told(path):
    """A line that a killed process left half is counted."""
    with path.open("ab") as file:
        file.write(b'{"settled": "2026-')

    assert "Unreadable: 1 lines" in run(path)


def test_is_a_command_of_pixroute(path, capsys):
    """`pixroute ledger FILE`."""
    assert main(["ledger", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unreadable"] == 0


def test_a_missing_file_is_a_usage_error(tmp_path):
    """It ends with 2, as every mistake in how a command was called."""
    assert CliRunner().invoke(ledger, [str(tmp_path / "none.jsonl")]).exit_code == 2
