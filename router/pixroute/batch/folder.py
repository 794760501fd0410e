"""The folder of a batch: which files are what, and what they say together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from pixroute.batch.items import Item
from pixroute.batch.journal import History, read_journal
from pixroute.batch.status import BatchStatus, status
from pixroute.ledger import read_ledger


@frozen
class Folder:
    """Where a batch keeps its pictures and its memory."""

    path: Path

    @property
    def journal(self) -> Path:
        """Which items were begun, and what became of them."""
        return self.path / "journal.jsonl"

    @property
    def ledger(self) -> Path:
        """What may have been billed, by attempt."""
        return self.path / "ledger.jsonl"

    @property
    def manifest(self) -> Path:
        """What was made, by picture."""
        return self.path / "manifest.jsonl"

    def history(self) -> History:
        """Read the journal."""
        return read_journal(self.journal)

    def status(self, items: Sequence[Item], history: History) -> BatchStatus:
        """Sort the items by what journal and ledger say."""
        entries = read_ledger(self.ledger).entries if self.ledger.exists() else ()
        return status(items, history, entries)
