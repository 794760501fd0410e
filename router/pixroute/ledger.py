"""A file of what may have been billed, written before it can be: the observer, and its reader.

One JSON object a line, for an attempt: it started (with its price), where it is a job it was accepted (with its id),
and it settled (with what it cost); a second settling corrects the first.
An attempt that has only the first is in flight, or its process was killed: it may have been billed.
"""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import Any

from attrs import field, frozen

from pixroute.cost import Cost
from pixroute.events import (
    AnyEvent,
    AttemptCorrected,
    AttemptFinished,
    AttemptStarted,
    JobAccepted,
)
from pixroute.hookspecs import hookimpl
from pixroute.outcome import Billing, Stage
from pixroute.provider import ObserverSpec

log = logging.getLogger("pixroute.ledger")

LONG = 180.0
"""Seconds from which an attempt is worth a word with the provider (upstreams §9)."""


# Writing


class Ledger:
    """An observer that appends to a file, which several processes may share (on a local file system).

    The file is opened anew for every line, so that it may be rotated; what is in flight then has a line in each file.
    No line holds a prompt or a key.

    Args:
        path: the file; created where it is missing, its folder is not.
        sync: wait for the disk before an attempt is sent, about a millisecond in which the loop stands still. Without
            it the ledger survives the death of the process, but not that of the machine.
        required: its line is written before an attempt takes a place; an attempt whose line cannot be written does
            not start, and is tried again in the next round. With `sync` the line is on the disk by then; without it
            the system has taken it, and a disk that fails later is told with the next line.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: str | PathLike[str], *, sync: bool = True, required: bool = False) -> None:
        self._path = Path(path)
        self._sync = sync
        self._required = required
        self.before = self._started if required else None
        self._told = False
        self._path.open("ab").close()

    def __call__(self, event: AnyEvent) -> None:
        """Write a line when an attempt starts, before anything of it is sent, and when it settles."""
        match event:
            case AttemptStarted() if not self._required:
                self._started(event)
            case JobAccepted():
                self._append(_accepted(event), sync=self._sync)
            case AttemptFinished():
                # Not waited for: if this line is lost, the attempt counts as possibly billed.
                self._append(_settled(event), sync=False)
            case AttemptCorrected():
                self._append(_corrected(event), sync=False)

    def _started(self, event: AttemptStarted) -> None:
        self._append(_started(event), sync=self._sync)

    def claimed(self, entry: Entry) -> None:
        """Settle an attempt whose job was collected after all: it was billed at its price."""
        settled = _settled_by(entry, Billing.BILLED, entry.price)
        self._append({**settled, "kind": None, "stage": Stage.DONE.name.lower(), "claimed": True}, sync=self._sync)

    def _append(self, facts: Mapping[str, Any], *, sync: bool) -> None:
        try:
            self._write(facts, sync=sync)
        except OSError as error:
            if not self._told:
                self._told = True
                why = error.strerror or error
                then = "nothing more is asked" if self._required else "payments go on unrecorded"
                fields = {"ledger": str(self._path), "why": str(why)}
                log.warning("the ledger %s cannot be written: %s; %s", self._path, why, then, extra=fields)
            raise

    def _write(self, facts: Mapping[str, Any], *, sync: bool) -> None:
        # default=str: money and times are written as text, and no strange tag may cost the line
        line = json.dumps(facts, default=str).encode() + b"\n"
        with self._path.open("a+b", buffering=0) as file:
            if size := file.seek(0, os.SEEK_END):
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    line = b"\n" + line  # whoever wrote last was killed in the middle of a line
            if file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))  # a torn line is nobody's
            if sync:
                os.fsync(file)


def _started(event: AttemptStarted) -> dict[str, Any]:
    return {
        "started": _wall_time(),
        "attempt": event.attempt,
        "request": event.request,
        "provider": event.provider,
        "model": event.model,
        "resolution": event.resolution,
        "price": event.price.certain,
        "currency": event.price.currency,
        "tags": dict(event.tags),
    }


def _accepted(event: JobAccepted) -> dict[str, Any]:
    return {
        "accepted": _wall_time(),
        "attempt": event.attempt,
        "request": event.request,
        "provider": event.provider,
        "job": dict(event.job),
    }


def _settled_by(entry: Entry, billing: Billing, amount: Decimal | None) -> dict[str, Any]:
    return {
        "settled": _wall_time(),
        "attempt": entry.attempt,
        "request": entry.request,
        "provider": entry.provider,
        "billing": billing,
        "certain": amount,
        "possible": Decimal(0),
        "currency": entry.cost.currency,
    }


def _corrected(event: AttemptCorrected) -> dict[str, Any]:
    return {
        "settled": _wall_time(),
        "attempt": event.attempt,
        "request": event.request,
        "provider": event.provider,
        "billing": event.billing,
        "certain": event.cost.certain,
        "possible": event.cost.possible,
        "currency": event.cost.currency,
    }


def _settled(event: AttemptFinished) -> dict[str, Any]:
    return {
        "settled": _wall_time(),
        "attempt": event.attempt,
        "request": event.request,
        "provider": event.provider,
        "kind": event.failure.kind if event.failure else None,
        "stage": str(event.stage),
        "billing": event.billing,
        "certain": event.cost.certain,
        "possible": event.cost.possible,
        "currency": event.cost.currency,
        "seconds": round(event.seconds, 3),
        "provider_request_id": event.provider_request_id,
        "url": event.failure.url if event.failure else None,
        "task": event.failure.task if event.failure else None,
    }


def _wall_time() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")  # for people; no duration is taken from it


# Reading


@frozen(kw_only=True)
class Entry:
    """One attempt; `started` or `settled` is None, and its facts are missing, where the file has no such line.

    `kind` is None for a picture; `job` is what `Router.claim` takes; `url` is of a picture that was paid, not fetched;
    `task` is what an asynchronous gateway gave in its place.
    An attempt that never settled is AMBIGUOUS at its price, or FREE if that is 0.
    """

    attempt: str
    request: str
    provider: str
    billing: Billing
    cost: Cost
    started: datetime | None = None
    settled: datetime | None = None
    model: str | None = None
    resolution: str | None = None
    kind: str | None = None
    stage: str | None = None
    seconds: float | None = None
    provider_request_id: str | None = None
    price: Decimal | None = None
    job: Mapping[str, Any] | None = None
    url: str | None = None
    task: str | None = None
    tags: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Total:
    """All attempts of one provider in one currency; `possibly_billed` includes `billed` (semantics §1)."""

    provider: str
    attempts: int
    billed: int
    possibly_billed: int
    unsettled: int
    cost: Cost


@frozen(kw_only=True)
class LedgerReport:
    """What a ledger says, in the order of its lines; `unreadable` counts the lines that say nothing."""

    entries: tuple[Entry, ...]
    unreadable: int = 0

    @property
    def ambiguous(self) -> tuple[Entry, ...]:
        """Those of which nobody can say whether they were billed; the unsettled among them."""
        return tuple(entry for entry in self.entries if entry.billing is Billing.AMBIGUOUS)

    @property
    def unsettled(self) -> tuple[Entry, ...]:
        """Those in flight, or in flight when their process was killed."""
        return tuple(entry for entry in self.entries if entry.settled is None)

    def over(self, seconds: float = LONG) -> tuple[Entry, ...]:
        """Give those that took longer than `seconds`."""
        return tuple(entry for entry in self.entries if entry.seconds is not None and entry.seconds > seconds)

    @property
    def totals(self) -> tuple[Total, ...]:
        """By provider and currency, in the order of their names; an unknown price makes its sum unknown."""
        groups: dict[tuple[str, str], list[Entry]] = {}
        for entry in self.entries:
            groups.setdefault((entry.provider, entry.cost.currency), []).append(entry)
        return tuple(_total(provider, currency, group) for (provider, currency), group in sorted(groups.items()))


def read_ledger(path: str | PathLike[str]) -> LedgerReport:
    """Read a ledger, also while others append to it.

    Lines that are torn or nobody's are counted: a torn start was never sent, a torn end leaves its attempt unsettled.

    Raises:
        OSError: the file cannot be read.
    """
    unreadable = 0
    attempts: list[dict[str, Any]] = []
    running: dict[str, dict[str, Any]] = {}
    with Path(path).open("rb") as file:
        for line in filter(bytes.strip, file):
            facts = _facts(line)
            if facts is None:
                unreadable += 1
            elif "started" in facts:  # a second start of an id is another attempt: fixed seeds repeat ids
                attempts.append(facts)
                running[facts["attempt"]] = facts
            elif facts["attempt"] in running:
                running[facts["attempt"]].update(facts)
            else:
                attempts.append(facts)
                running[facts["attempt"]] = facts
    return LedgerReport(entries=tuple(map(_entry, attempts)), unreadable=unreadable)


_ALWAYS = {"attempt", "request", "provider"}


def _facts(line: bytes) -> dict[str, Any] | None:
    try:
        facts = json.loads(line)
    except ValueError:
        return None
    if not isinstance(facts, dict) or not facts.keys() >= _ALWAYS:
        return None
    billed = "currency" in facts and facts.keys() & {"started", "settled"}
    return facts if billed or ("accepted" in facts and isinstance(facts.get("job"), dict)) else None


def _entry(facts: Mapping[str, Any]) -> Entry:
    price = _amount(facts.get("price"))
    if "settled" in facts:
        billing = Billing(facts["billing"])
        certain, possible = _amount(facts["certain"]), _amount(facts["possible"])
    else:
        billing = Billing.FREE if price == 0 else Billing.AMBIGUOUS
        certain, possible = Decimal(0), price
    optional = ("model", "resolution", "kind", "stage", "seconds", "provider_request_id", "job", "url", "task")
    return Entry(
        attempt=facts["attempt"],
        request=facts["request"],
        provider=facts["provider"],
        billing=billing,
        cost=Cost(certain=certain, possible=possible, currency=facts.get("currency", "USD")),
        started=_time(facts.get("started")),
        settled=_time(facts.get("settled")),
        price=price,
        tags=facts.get("tags", {}),
        **{name: facts.get(name) for name in optional},
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _total(provider: str, currency: str, entries: Sequence[Entry]) -> Total:
    return Total(
        provider=provider,
        attempts=len(entries),
        billed=sum(entry.billing is Billing.BILLED for entry in entries),
        possibly_billed=sum(entry.billing is not Billing.FREE for entry in entries),
        unsettled=sum(entry.settled is None for entry in entries),
        cost=Cost.total((entry.cost for entry in entries), currency),
    )


# For a configuration


@frozen(kw_only=True)
class LedgerSettings:
    """`[observers.ledger]`; arguments as `Ledger`, a relative path begins at the configuration's folder."""

    path: Path
    sync: bool = True
    required: bool = False


def from_settings(settings: LedgerSettings) -> Ledger:
    """Open the ledger that a configuration names.

    Raises:
        ValueError: the file cannot be written.
    """
    try:
        return Ledger(settings.path, sync=settings.sync, required=settings.required)
    except OSError as error:
        raise ValueError(f"{settings.path} cannot be written: {error.strerror}") from error


@hookimpl
def pixroute_observers() -> list[ObserverSpec]:
    """Offer the ledger."""
    summary = "writes what may have been billed to a file, before it can be"
    return [ObserverSpec(name="ledger", create=from_settings, settings=LedgerSettings, summary=summary)]
