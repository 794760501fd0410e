"""Where every item of a batch stands when a run begins: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from attrs import frozen

from pixroute.batch.items import Item
from pixroute.batch.journal import History
from pixroute.cost import Cost
from pixroute.errors import Problem
from pixroute.ledger import Entry
from pixroute.outcome import Billing

ITEM_TAG = "batch_item"
"""The tag that names the item in record, events and ledger."""


@frozen(kw_only=True)
class BatchStatus:
    """The items of a batch, each in one of three lists, in their order.

    Args:
        done: finished by an earlier run; never asked again.
        doubtful: begun, perhaps bought, never finished; asked again only if told so.
        ready: those that cost nothing so far.
        spent: what earlier runs certainly and possibly cost.
        counted: the same as it counts against a limit: in full, without what is unknown.
    """

    done: tuple[Item, ...] = ()
    doubtful: tuple[Item, ...] = ()
    ready: tuple[Item, ...] = ()
    spent: Cost
    counted: Decimal


def status(items: Sequence[Item], history: History, entries: Sequence[Entry]) -> BatchStatus:
    """Sort the items by what journal and ledger say.

    An item is doubtful if one of its attempts was or may have been billed, or if it was begun and the ledger does not
    know it (then it is not known how far it came).
    """
    attempts: dict[str, list[Entry]] = {}
    for entry in entries:
        attempts.setdefault(entry.tags.get(ITEM_TAG, ""), []).append(entry)
    left = [item for item in items if item.id not in history.finished]
    doubtful = {item.id for item in left if _doubtful(item, history, attempts.get(item.id, ()))}
    return BatchStatus(
        done=tuple(item for item in items if item.id in history.finished),
        doubtful=tuple(item for item in left if item.id in doubtful),
        ready=tuple(item for item in left if item.id not in doubtful),
        spent=Cost.total((entry.cost for entry in entries), entries[0].cost.currency if entries else "USD"),
        counted=sum((full(entry.cost) for entry in entries), Decimal(0)),
    )


def _doubtful(item: Item, history: History, attempts: Iterable[Entry]) -> bool:
    billing = [entry.billing for entry in attempts]
    return any(each is not Billing.FREE for each in billing) or (item.id in history.open and not billing)


def changed(items: Sequence[Item], history: History) -> Iterator[Problem]:
    """Give the items that are finished as something else than is asked now."""
    for item in items:
        if history.finished.get(item.id, {}).get("content", item.content) != item.content:
            what = f"{item.id!r} is finished, as something else than is asked now: give it another id or another folder"
            yield Problem(f"line {item.line}", what)


def full(cost: Cost) -> Decimal:
    """Count what was and what may have been spent, in full; what is unknown cannot be counted."""
    return (cost.certain or Decimal(0)) + (cost.possible or Decimal(0))
