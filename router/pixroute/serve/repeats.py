"""Nobody pays twice at the door: a repeated request joins the one under way, or is given its answer again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from attrs import define, field, frozen

from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.call import GatewayCall, Outcome
from pixroute.serve.problem import SERVER, GatewayProblem, Refused, bad, spends
from pixroute.shared.ports import StoreAway

KEEP = 86_400.0
"""Seconds for which the answer under a key is kept."""
KEEP_ORPHAN = 600.0
"""Seconds for which an answer that nobody took is kept for the same request."""
LONGEST_KEY = 255
ASKED_AGAIN = 0.25
LONGEST_PAUSE = 2.0
"""Seconds between two looks at a request that runs in another process, at first and at most."""


@frozen(kw_only=True)
class Name:
    """Whose request under which key, and a digest of what it asks."""

    caller: str
    key: str
    digest: str

    @property
    def orphan(self) -> Name:
        """The name of a request without a key whose caller left; nobody can give it as a key."""
        return Name(caller=self.caller, key=f"\torphan {self.digest}", digest=self.digest)


@frozen
class Fresh:
    """Nothing was begun under this name; now it is, in this turn."""

    turn: str


@frozen
class Nothing:
    """Nothing is known of this name."""


@frozen
class Elsewhere:
    """It runs in another process."""


@frozen
class Known:
    """What it came to, and in which turn."""

    outcome: Outcome
    turn: str


Work = Callable[[], Awaitable[Outcome]]
Ask = Callable[[], Awaitable[Fresh | Nothing | Elsewhere | Known]]


class Shelf(Protocol):
    """Where it is kept what was begun under a name, beyond this process.

    Whoever begins has a turn of his own: what is given back late, or twice because nobody could tell whether it was,
    is his turn alone, and never what somebody else has begun since.
    """

    async def begin(self, name: Name, keep: float) -> Fresh | Elsewhere | Known:
        """Take the name, or tell what became of it.

        Raises:
            Refused: it was given to another body.
            StoreAway: nobody can tell.
        """
        ...

    async def look(self, name: Name) -> Nothing | Elsewhere | Known:
        """Tell what became of a name, and take nothing; raises as `begin`."""
        ...

    def settle(self, name: Name, turn: str, outcome: Outcome, keep: float) -> None:
        """Keep what it came to, soon and surely, for so many seconds."""
        ...

    def release(self, name: Name, turn: str) -> None:
        """End the turn, soon and surely: nothing was spent in it, or what it came to was taken."""
        ...


def is_kept(outcome: Outcome) -> bool:
    """Tell whether it is given again: a picture, a refusal, whatever may be billed."""
    return isinstance(outcome, GatewayAnswer) or outcome.kind in {"moderated", "doubtful"} or spends(outcome.cost)


def checked_key(text: str) -> str:
    """Give an `Idempotency-Key` that can be kept.

    Raises:
        Refused: it is empty, too long or not printable ASCII.
    """
    if not (text and len(text) <= LONGEST_KEY and text.isascii() and text.isprintable()):
        raise bad(f"Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters")
    return text


def other_body() -> Refused:
    """Refuse a key that stands for something else."""
    message = "this Idempotency-Key was used with another request; use a new one"
    return Refused(GatewayProblem(status=422, message=message, kind="idempotency_key_reused"))


def doubtful() -> GatewayProblem:
    """Tell of a request that a crash ended after something was sent."""
    message = (
        "the server ended while this request was under way: it may have been billed, and its picture is lost; "
        "use a new Idempotency-Key to buy it again"
    )
    return GatewayProblem(status=409, message=message, kind="doubtful", type="api_error")


def store_away() -> Refused:
    """Refuse to begin what could not be written down."""
    message = "the store that keeps what is begun under a key does not answer: nothing was started"
    return Refused(
        GatewayProblem(status=503, message=message, kind="store_away", type=SERVER, retry_after=5, again=True)
    )


@define
class _Entry:
    """`turn`: of the shelf, where an orphan is told to others."""

    name: Name
    call: GatewayCall
    until: float
    turn: str = ""


@define(eq=False)
class Repeats:
    """The requests under keys, and the answers that nobody took.

    Args:
        most: answers that are kept.
        most_bytes: bytes of their pictures.
        shelf: what is kept beyond this process; None: nothing.
    """

    most: int
    most_bytes: int
    shelf: Shelf | None = None
    _entries: dict[tuple[str, str], _Entry] = field(factory=dict)
    _orphans: dict[tuple[str, str], _Entry] = field(factory=dict)
    _telling: set[asyncio.Task[None]] = field(factory=set)

    async def ready(self, name: Name) -> None:
        """Wait for a request of this name that is being ended, because its callers left: nobody can join it."""
        while (entry := self._entries.get((name.caller, name.key))) and entry.call.ending:
            if entry.call.task.done():
                return
            await asyncio.wait([entry.call.task])

    def find(self, name: Name) -> GatewayCall | None:
        """Give the request of this name, running or over.

        Raises:
            Refused: the key stands for another body.
        """
        self._forget()
        entry = self._entries.get((name.caller, name.key))
        if entry is None:
            return None
        if entry.name.digest != name.digest:
            raise other_body()
        return entry.call

    def begin(self, name: Name, work: Work, *, is_retry: bool = False) -> GatewayCall:
        """Start a request that `find` and `adopt` do not know; of a retry the other processes may know more."""
        call, shelf = GatewayCall(), self.shelf
        if not name.key:
            orphan = name.orphan
            return call.start(work, around=partial(_adopted, call, shelf, orphan) if shelf and is_retry else None)
        call.start(work, around=partial(_shelved, call, shelf, name) if shelf else None)
        entry = _Entry(name=name, call=call, until=_now() + KEEP)
        self._entries[name.caller, name.key] = entry
        call.task.add_done_callback(lambda _: self._settle(entry))
        return call

    def _settle(self, entry: _Entry) -> None:
        outcome = entry.call.outcome
        if outcome is None or not is_kept(outcome):
            self._entries.pop((entry.name.caller, entry.name.key), None)
        entry.until = _now() + KEEP
        self._forget()

    # Orphans

    def abandon(self, name: Name, call: GatewayCall) -> None:
        """Keep a request whose caller left before it had its answer, for the same request that comes again."""
        entry = _Entry(name=name, call=call, until=_now() + KEEP_ORPHAN)
        self._orphans[name.caller, name.digest] = entry
        if self.shelf is not None and not name.key and not call.repeated:
            task = asyncio.get_running_loop().create_task(self._tell(self.shelf, entry))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    def adopt(self, name: Name) -> GatewayCall | None:
        """Give the orphan of the same caller and body, once."""
        self._forget()
        entry = self._orphans.get((name.caller, name.digest))
        if entry is None or entry.call.ending or not _is_worth(entry.call):
            return None
        if self.shelf is not None and entry.turn:
            self.shelf.release(name.orphan, entry.turn)
        return self._orphans.pop((name.caller, name.digest)).call

    async def _tell(self, shelf: Shelf, entry: _Entry) -> None:
        """Let other processes know of a request whose caller left, and of what it came to."""
        orphan, call = entry.name.orphan, entry.call
        try:
            found = await shelf.begin(orphan, KEEP_ORPHAN)
        except (StoreAway, Refused):
            return
        if not isinstance(found, Fresh):
            return  # there is another, which is as good
        entry.turn = found.turn
        if self._is_left(entry) and not call.task.done():
            await asyncio.wait([call.task])
        _put(shelf, orphan, found.turn, call.outcome if self._is_left(entry) else None, KEEP_ORPHAN)

    def _is_left(self, entry: _Entry) -> bool:
        return self._orphans.get((entry.name.caller, entry.name.digest)) is entry

    async def is_made_elsewhere(self, name: Name) -> bool:
        """Tell whether another process makes or made it for a caller who left."""
        try:
            return self.shelf is not None and not isinstance(await self.shelf.look(name.orphan), Nothing)
        except StoreAway:
            return False

    # Bounds

    def _forget(self) -> None:
        """Drop what is over and old, then the oldest of what is over, until all bounds are kept."""
        now, count, size = _now(), 0, 0
        for table in (self._orphans, self._entries):
            for key, entry in list(table.items()):
                outcome = entry.call.outcome
                if outcome is not None and (entry.until <= now or not _is_worth(entry.call)):
                    del table[key]
                elif outcome is not None:
                    count, size = count + 1, size + _bytes(outcome)
        for table in (self._orphans, self._entries):
            for key, entry in list(table.items()):
                if count <= self.most and size <= self.most_bytes:
                    return
                if (outcome := entry.call.outcome) is not None:
                    del table[key]
                    count, size = count - 1, size - _bytes(outcome)


async def _shelved(call: GatewayCall, shelf: Shelf, name: Name, work: Work) -> Outcome:
    """Work under a name that no other process has; else wait for what becomes of it there."""
    found = await _until_known(lambda: _taken(shelf, name), call)
    if isinstance(found, Known):
        return found.outcome
    outcome: Outcome | None = None
    try:
        outcome = await work()
    finally:
        if isinstance(found, Fresh):
            _put(shelf, name, found.turn, outcome, KEEP)
    return outcome


async def _adopted(call: GatewayCall, shelf: Shelf, orphan: Name, work: Work) -> Outcome:
    """Take what another process made for this caller when it left; else work."""
    found = await _until_known(lambda: shelf.look(orphan), call)
    if not isinstance(found, Known):
        return await work()
    shelf.release(orphan, found.turn)  # it is taken once
    return found.outcome


def _put(shelf: Shelf, name: Name, turn: str, outcome: Outcome | None, keep: float) -> None:
    if outcome is None or not is_kept(outcome):
        shelf.release(name, turn)
    else:
        shelf.settle(name, turn, outcome, keep)


async def _until_known(ask: Ask, call: GatewayCall) -> Fresh | Nothing | Known:
    """Ask a shelf until it is no longer being worked on elsewhere."""
    pause = ASKED_AGAIN
    try:
        while isinstance(found := await ask(), Elsewhere):
            call.repeated = True
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
    except StoreAway:
        raise store_away() from None
    call.repeated = isinstance(found, Known)
    return found


async def _taken(shelf: Shelf, name: Name) -> Fresh | Elsewhere | Known:
    """Take a name; one that was taken for a caller who left meanwhile is given back."""
    asking = asyncio.ensure_future(shelf.begin(name, KEEP))
    try:
        return await asyncio.shield(asking)
    except asyncio.CancelledError:
        asking.add_done_callback(lambda asked: _give_back(shelf, name, asked))
        raise


def _give_back(shelf: Shelf, name: Name, asked: asyncio.Future[Fresh | Elsewhere | Known]) -> None:
    if not asked.cancelled() and asked.exception() is None and isinstance(found := asked.result(), Fresh):
        shelf.release(name, found.turn)


def _is_worth(call: GatewayCall) -> bool:
    outcome = call.outcome
    return outcome is None or is_kept(outcome)


def _bytes(outcome: Outcome) -> int:
    return outcome.size if isinstance(outcome, GatewayAnswer) else 0


def _now() -> float:
    return asyncio.get_running_loop().time()
