"""The file that a batch goes on from."""

import sys
from decimal import Decimal

import pytest

from pixroute import Billing
from pixroute.batch.folder import Folder
from pixroute.batch.journal import Journal, read_journal
from pixroute.batch.status import ITEM_TAG, changed, status
from pixroute.cost import Cost
from pixroute.ledger import Entry


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


@pytest.fixture
def journal(path):
    with Journal(path, emulated=False) as journal:
        yield journal


def attempt(item, billing, cost="0.09"):
    possible = Decimal(0) if billing is Billing.FREE else None if cost is None else Decimal(cost)
    return Entry(
        attempt="r-1",
        request="r",
        provider="fake",
        billing=billing,
        cost=Cost(possible=possible),
        tags={ITEM_TAG: item},
    )


def test_the_last_word_on_an_item_counts(path, journal, item):
    """Begun, failed, begun again and finished is finished; and it knows whether the pictures are real."""
    for id_ in ("begun", "failed", "finished"):
        journal.begun(item(id_))
    journal.failed(item("failed"), {"error": "Moderated"})
    journal.failed(item("finished"), {"error": "Moderated"})
    journal.begun(item("finished"))
    journal.finished(item("finished"), {"missing": 0})

    history = read_journal(path)

    assert history.open.keys() == {"begun"}
    assert history.failed["failed"]["error"] == "Moderated"
    assert history.finished["finished"]["missing"] == 0
    assert history.emulated is False


def test_before_the_first_run_there_is_no_history(path):
    """Nothing is read of a file that is not there."""
    assert read_journal(path).emulated is None


@pytest.mark.parametrize("size", [1, 30, -2])
def test_a_line_torn_by_a_kill_counts_for_nothing_and_harms_no_other(path, item, size):
    """The run that follows begins a line of its own."""
    with Journal(path, emulated=False) as journal:
        whole = path.stat().st_size
        journal.begun(item("torn"))
    text = path.read_bytes()
    path.write_bytes(text[: whole + size] if size > 0 else text[:size])

    with Journal(path, emulated=False) as journal:
        journal.begun(item("next"))

    assert read_journal(path).open.keys() == {"next"}


@pytest.mark.skipif(sys.platform == "win32", reason="there the folder is not guarded")
def test_only_one_run_at_a_time_has_a_folder(path, journal):
    """Two would buy the same picture."""
    with pytest.raises(BlockingIOError):
        Journal(path, emulated=False)


def test_the_journal_holds_no_prompt(path, journal, item):
    """An id and a hash tell the items apart."""
    journal.begun(item("a"))

    assert "secret" not in path.read_text()
    assert "c0ffee" in path.read_text()


@pytest.mark.parametrize(
    ("open_", "billings", "where"),
    [
        (True, [], "doubtful"),  # begun; how far it came is not known
        (True, [Billing.AMBIGUOUS], "doubtful"),
        (True, [Billing.FREE, Billing.BILLED], "doubtful"),
        (True, [Billing.FREE], "ready"),
        (False, [Billing.AMBIGUOUS, Billing.FREE], "doubtful"),  # failed, but may have been billed
        (False, [Billing.FREE], "ready"),
        (False, [], "ready"),
    ],
)
def test_what_was_perhaps_bought_is_doubtful(path, journal, item, open_, billings, where):
    """What surely cost nothing may be asked again without a word."""
    one = item("a")
    journal.begun(one)
    if not open_:
        journal.failed(one, {"error": "AllProvidersFailed"})

    stands = status([one], read_journal(path), [attempt("a", billing) for billing in billings])

    assert getattr(stands, where) == (one,)
    assert len(stands.done + stands.doubtful + stands.ready) == 1


def test_what_is_finished_is_done_whatever_it_cost(tmp_path, item):
    """And every earlier attempt counts as spent, also of items that are no longer in the list."""
    one, folder = item("a"), Folder(tmp_path)
    with Journal(folder.journal, emulated=False) as journal:
        journal.finished(one, {"missing": 0})

    stands = status([one], folder.history(), [attempt("a", Billing.BILLED), attempt("gone", Billing.AMBIGUOUS)])

    assert stands.done == (one,)
    assert stands.counted == Decimal("0.18")


def test_an_unknown_price_hides_no_known_one_from_the_limit(path, item):
    """The sum is unknown, but what is known of it counts."""
    stands = status([], read_journal(path), [attempt("a", Billing.AMBIGUOUS), attempt("b", Billing.AMBIGUOUS, None)])

    assert stands.spent.possible is None
    assert stands.counted == Decimal("0.09")


def test_a_finished_id_that_now_asks_for_something_else_is_told(path, journal, item):
    """Neither bought over the old picture nor silently left out; what only failed may be changed."""
    journal.finished(item("a"), {"missing": 0})
    journal.failed(item("b"), {"error": "Moderated"})
    items = [item("a", line=4, content="other"), item("b", content="other")]

    (problem,) = changed(items, read_journal(path))

    assert str(problem).startswith("line 4: 'a' is finished, as something else")
