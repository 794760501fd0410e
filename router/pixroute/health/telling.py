"""What a process tells the others of its health, and whom it believes (semantics §4.3): texts, no store.

Names of upstreams, accounts and origins are told as digests, requests as digests under a key that is not told.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from math import inf, isfinite
from typing import Protocol

from attrs import define, field, frozen

from pixroute.health.breaker import Breaker
from pixroute.health.merging import NOBODY, Voice, merge
from pixroute.health.registry import Health
from pixroute.health.scopes import Keys
from pixroute.health.sketch import TimesTold, read_times, write_times
from pixroute.health.statement import LONGEST, Statement, Unreadable, read, write

log = logging.getLogger(__name__)

LIFE = 15.0
"""Seconds for which what a process tells holds if it tells no more."""
SAME = 0.25
"""Seconds by which the time of one telling may differ between two readings."""
MOST_WARNED = 1000
_DEFAULT = Statement()
_ME = ""


class Rumour(Protocol):
    """One text of another process: `age` in seconds since it was told."""

    @property
    def owner(self) -> str:
        """Whose it is."""
        ...

    @property
    def key(self) -> str:
        """Of what."""
        ...

    @property
    def value(self) -> str:
        """The text."""
        ...

    @property
    def age(self) -> float:
        """Seconds since it was told."""
        ...


@frozen
class _Hold:
    """An account on hold, as told: until when, and the digest of the credential that it is for."""

    until: float
    credential: str


@define
class Telling:
    """The ear and mouth of one process.

    Args:
        health: of this process.
        host: a digest of the machine's name; processes of one host share their way to an origin.
        credentials: by account, what gives the present credential's fingerprint.
        warn: hears, once for each process and each of its keys, of what cannot be read.
    """

    health: Health
    host: str
    credentials: Callable[[], Mapping[str, Callable[[], str]]] = dict
    warn: Callable[[str], None] = log.warning
    processes: int = field(default=1, init=False)
    _digests: dict[str, str] = field(factory=dict, init=False)
    _read: dict[tuple[str, str], tuple[str, float, Voice | _Hold | TimesTold | str | None]] = field(
        factory=dict, init=False
    )
    _learned: Mapping[str, list[TimesTold]] = field(factory=dict, init=False)
    _hosts: dict[str, str] = field(factory=dict, init=False)
    _warned: set[tuple[str, str]] = field(factory=set, init=False)
    _told: tuple[float, object] = field(default=(-inf, None), init=False)

    def facts(self, now: float) -> dict[str, str] | None:
        """Give what this process would tell, by key; None: what it told last reads as well now."""
        said = {self._key(name, resolution): breaker.testify(now) for name, resolution, breaker in self._breakers()}
        said = {key: one for key, one in said.items() if one != _DEFAULT}
        holds = self.health.holds.told(now)
        learned = {
            self._times_key(keys): latency.told(max(1, self.processes))
            for keys, latency in self.health.latencies.items()
        }
        if self._told[1] == (said, holds, learned) and now < self._told[0] + LIFE / 3:
            return None
        self._told = (now, (said, holds, learned))
        texts = {key: write(one, now) for key, one in said.items()}
        texts.update({key: write_times(one) for key, one in learned.items() if one.successes or one.censored})
        for account, (until, fingerprint) in holds.items():
            hold = {"v": 1, "left": round(until - now, 1), "credential": self._digest(fingerprint or "")}
            texts[f"account {self._digest(account)}"] = json.dumps(hold)
        return {"process": json.dumps({"v": 1, "host": self.host}), **texts}

    def forget(self) -> None:
        """Tell everything next time: what was told last may have been lost."""
        self._told = (-inf, None)

    def hear(self, rumours: Iterable[Rumour], now: float, *, owner: str = "") -> None:
        """Believe what all say but `owner`, this process itself."""
        hosts: dict[str, str] = {}
        said: dict[str, list[Voice]] = {}
        holds: dict[str, list[_Hold]] = {}
        learned: dict[str, list[TimesTold]] = {}
        before, self._read = self._read, {}
        for rumour in rumours:
            if rumour.owner == owner:
                continue
            place, at = (rumour.owner, rumour.key), now - max(0.0, rumour.age)
            known = before.get(place)
            if known is None or known[0] != rumour.value or abs(known[1] - at) > SAME:
                known = (rumour.value, at, self._understood(rumour, at))
            self._read[place] = known
            meant = known[2]
            if isinstance(meant, Voice):
                said.setdefault(rumour.key, []).append(meant)
            elif isinstance(meant, str):
                hosts[rumour.owner] = meant
            elif isinstance(meant, TimesTold):
                learned.setdefault(rumour.key, []).append(meant)
            elif meant is not None:
                holds.setdefault(rumour.key, []).append(meant)
        self.processes = len(hosts) + 1
        self._hosts = hosts
        self._hear_breakers(said, now)
        self._hear_holds(holds, now)
        self._hear_times(learned)
        self.health.heard()

    def alone(self, now: float) -> None:
        """Believe nobody any more: the store is away."""
        self.processes = 1
        for _, _, breaker in self._breakers():
            breaker.hear(NOBODY, now)
        self.health.holds.hear({}, now)
        self._hear_times({})
        self.health.heard()

    def _hear_breakers(self, said: Mapping[str, list[Voice]], now: float) -> None:
        for name, resolution, breaker in self._breakers():
            others = said.get(self._key(name, resolution), ())
            if others or not breaker.is_alone:
                own = Voice(who=_ME, host=self.host, said=breaker.testify(now))
                breaker.hear(merge(own, others, breaker.policy, now, by_host=not resolution), now)

    def _hear_holds(self, holds: Mapping[str, list[_Hold]], now: float) -> None:
        heard: dict[str, tuple[float, Callable[[], str]]] = {}
        if holds:
            for account, credential in self.credentials().items():
                ends = [
                    hold.until
                    for hold in holds.get(f"account {self._digest(account)}", ())
                    if hold.until > now and hold.credential == self._digest(_fingerprint(credential))
                ]
                if ends:
                    heard[account] = max(ends), credential
        self.health.holds.hear(heard, now)

    def _hear_times(self, learned: Mapping[str, list[TimesTold]]) -> None:
        """Pool the times that are new; what is as it was is left alone."""
        if learned == self._learned:
            return
        self._learned = learned
        for keys, latency in self.health.latencies.items():
            latency.pool(learned.get(self._times_key(keys), ()))

    def _understood(self, rumour: Rumour, at: float) -> Voice | _Hold | TimesTold | str | None:
        try:
            meant = _meant(rumour, at)
        except Unreadable as error:
            place = rumour.owner, rumour.key
            if place not in self._warned and len(self._warned) < MOST_WARNED:
                self._warned.add(place)
                self.warn(f"What another process told of its health cannot be read and is passed over: {error}.")
            return None
        if isinstance(meant, Statement):
            return Voice(who=rumour.owner, host=self._hosts.get(rumour.owner, rumour.owner), said=meant)
        return meant

    def _breakers(self) -> Iterable[tuple[str, str, Breaker]]:
        return self.health.breakers()

    def _key(self, name: str, resolution: str) -> str:
        return f"upstream {self._digest(name)} {resolution}" if resolution else f"origin {self._digest(name)}"

    def _times_key(self, keys: Keys) -> str:
        return f"times {self._digest(f'{keys.provider} {keys.upstream}')} {keys.resolution}"

    def _digest(self, name: str) -> str:
        known = self._digests.get(name)
        if known is None:
            known = self._digests[name] = digest(name)
        return known


def digest(name: str) -> str:
    """Give the digest under which a name is told."""
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, person=b"pixroute").hexdigest()


def _meant(rumour: Rumour, at: float) -> Statement | _Hold | TimesTold | str | None:
    if len(rumour.value) > 10_000:
        raise Unreadable("it is longer than anything that is told")
    kind = rumour.key.partition(" ")[0]
    if kind in ("upstream", "origin"):
        return read(rumour.value, at)
    if kind == "times":
        return read_times(rumour.value)
    if kind not in ("account", "process"):
        return None  # a newer process's
    try:
        table = json.loads(rumour.value)
    except (ValueError, RecursionError):
        raise Unreadable("it is no JSON") from None
    if not isinstance(table, dict):
        raise Unreadable("it is no table")
    return _hold(table, at) if kind == "account" else _text(table, "host")


def _hold(table: Mapping[str, object], at: float) -> _Hold:
    left = table.get("left")
    if type(left) not in (int, float) or not isfinite(left) or not 0 <= left <= LONGEST:  # type: ignore[arg-type, operator]
        raise Unreadable("left is no number of seconds")
    return _Hold(at + float(left), _text(table, "credential"))  # type: ignore[arg-type]


def _text(table: Mapping[str, object], name: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or len(value) > 64:
        raise Unreadable(f"{name} is no short text")
    return value


def _fingerprint(credential: Callable[[], str]) -> str:
    try:
        return credential()
    except Exception:  # noqa: BLE001 - a key's source is anybody's code; without a key nothing is held by hearsay
        return "?"
