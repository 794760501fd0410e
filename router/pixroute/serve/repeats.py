"""Nobody pays twice at the door: a repeated request joins the one under way, or is given its answer again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from attrs import define, field, frozen

from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.call import GatewayCall, Outcome
from pixroute.serve.problem import GatewayProblem, Refused, bad, spends

KEEP = 86_400.0
"""Seconds for which the answer under a key is kept."""
KEEP_ORPHAN = 600.0
"""Seconds for which an answer that nobody took is kept for the same request."""
LONGEST_KEY = 255
ASKED_AGAIN = 0.25
"""Seconds between two looks at a request that runs in another process."""


@frozen(kw_only=True)
class Name:
    """Whose request under which key, and a digest of what it asks."""

    caller: str
    key: str
    digest: str


@frozen
class Fresh:
    """Nothing was begun under this name; now it is."""


@frozen
class Elsewhere:
    """It runs in another process."""


Work = Callable[[], Awaitable[Outcome]]


class Shelf(Protocol):
    """Where it is kept what was begun under a key, beyond this process; its methods are called in threads."""

    def begin(self, name: Name) -> Fresh | Elsewhere | Outcome:
        """Take the name, or tell what became of it; raises `Refused` where it was given to another body."""
        ...

    def sending(self, name: Name) -> None:
        """Note that something may be billed from now on; raises OSError where that cannot be kept."""
        ...

    def settle(self, name: Name, outcome: Outcome) -> None:
        """Keep what it came to."""
        ...

    def release(self, name: Name) -> None:
        """Give the name back: nothing was spent under it."""
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


@define
class _Entry:
    name: Name
    call: GatewayCall
    until: float


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

    def begin(self, name: Name, work: Work) -> GatewayCall:
        """Start a request under a name that `find` does not know."""
        call = GatewayCall()
        shelf = self.shelf
        if shelf is None:
            call.start(work)
        else:
            call.sending = _once(lambda: shelf.sending(name))
            call.start(work, around=lambda valued: _shelved(shelf, name, valued))
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

    def adopt(self, name: Name) -> GatewayCall | None:
        """Give the orphan of the same caller and body, once."""
        self._forget()
        entry = self._orphans.get((name.caller, name.digest))
        if entry is None or entry.call.ending or not _is_worth(entry.call):
            return None
        return self._orphans.pop((name.caller, name.digest)).call

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


def _once(act: Callable[[], None]) -> Callable[[], None]:
    done: list[bool] = []

    def call() -> None:
        if not done:
            act()
            done.append(True)

    return call


async def _shelved(shelf: Shelf, name: Name, work: Work) -> Outcome:
    """Work under a name that no other process has; else wait for what becomes of it there."""
    while isinstance(found := await _taken(shelf, name), Elsewhere):  # noqa: ASYNC110 - nobody tells us of it
        await asyncio.sleep(ASKED_AGAIN)
    if not isinstance(found, Fresh):
        return found
    outcome: Outcome | None = None
    try:
        outcome = await work()
    finally:
        if outcome is None or not is_kept(outcome):
            await asyncio.shield(asyncio.to_thread(shelf.release, name))
        else:
            await asyncio.shield(asyncio.to_thread(shelf.settle, name, outcome))
    return outcome


async def _taken(shelf: Shelf, name: Name) -> Fresh | Elsewhere | Outcome:
    """Ask the shelf; a name that was taken for a caller who left meanwhile is given back."""
    asking = asyncio.ensure_future(asyncio.to_thread(shelf.begin, name))
    try:
        return await asyncio.shield(asking)
    except asyncio.CancelledError:
        if isinstance(await asking, Fresh):
            await asyncio.to_thread(shelf.release, name)
        raise


def _is_worth(call: GatewayCall) -> bool:
    outcome = call.outcome
    return outcome is None or is_kept(outcome)


def _bytes(outcome: Outcome) -> int:
    return outcome.size if isinstance(outcome, GatewayAnswer) else 0


def _now() -> float:
    return asyncio.get_running_loop().time()
