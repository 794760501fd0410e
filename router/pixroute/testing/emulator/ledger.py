"""What the emulator was asked for, what it made, and what it would have charged."""

from attrs import evolve, frozen


@frozen(kw_only=True)
class LedgerEntry:
    """One call that arrived whole.

    `dialect` is whose errors it speaks: "google", "openai", "ark" or "gateway" (the aggregator itself).
    `at` is seconds since the emulator started. `provider` is who asked,
    where the call says so. `finished` says that a picture was made, even if nobody was
    left to take it. `billed` counts pictures charged, or 1 for a refusal that is charged (upstreams §9).
    """

    id: int
    listener: str
    route: str
    model: str
    dialect: str
    prompt: str
    size: str
    at: float
    fault: str | None = None
    provider: str = ""
    finished: bool = False
    billed: int = 0


class CallLedger:
    """Every call for a picture, in order of arrival; checks and downloads of results are not in it."""

    def __init__(self) -> None:
        self._entries: list[LedgerEntry] = []

    @property
    def entries(self) -> tuple[LedgerEntry, ...]:
        """All entries, oldest first."""
        return tuple(self._entries)

    @property
    def received(self) -> int:
        """Calls that arrived whole."""
        return len(self._entries)

    @property
    def finished(self) -> int:
        """Calls for which a picture was made."""
        return sum(entry.finished for entry in self._entries)

    @property
    def billed(self) -> int:
        """Pictures and refusals charged."""
        return sum(entry.billed for entry in self._entries)

    def open(self, entry: LedgerEntry) -> int:
        """Write a call down and return its id."""
        self._entries.append(evolve(entry, id=len(self._entries)))
        return len(self._entries) - 1

    def finish(self, entry_id: int, *, billed: int) -> None:
        """Note that the pictures of a call were made."""
        self._entries[entry_id] = evolve(self._entries[entry_id], finished=True, billed=billed)

    def charge(self, entry_id: int) -> None:
        """Note that an answer without a picture is charged all the same."""
        self._entries[entry_id] = evolve(self._entries[entry_id], billed=1)
