"""What one caller may do at a time: requests in a minute, pictures at once; of this process, or of all together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import inf

from attrs import define, field

from pixroute.serve.keys import ApiKey
from pixroute.serve.problem import TOO_MANY, GatewayProblem, Refused
from pixroute.serve.together import ALIVE, ServeStore
from pixroute.shared.ports import Query, StoreAway

GiveBack = Callable[[], None]
AGAIN = 1.0
"""Seconds until a store that was away is asked again to take a place back."""


@define
class _Account:
    """How many requests are saved up, and when that was counted; how many pictures are being made."""

    saved: float
    at: float
    making: int = 0


@define(eq=False)
class Limits:
    """The limits of every key.

    Args:
        clock: seconds that only grow.
        store: where all processes count together; without it, and while it is away, each has the whole limit.
    """

    clock: Callable[[], float]
    store: ServeStore | None = None
    _accounts: dict[str, _Account] = field(factory=dict)
    _places: dict[tuple[str, str], object] = field(factory=dict)  # that are taken now, and by which taking
    _leaving: set[asyncio.Task[None]] = field(factory=set)

    async def admit(self, key: ApiKey) -> None:
        """Count a request.

        Raises:
            Refused: there were too many within a minute.
        """
        if key.per_minute is None:
            return
        self._admit(key, key.per_minute)
        if self.store is not None:
            with suppress(StoreAway):
                await self._admit_among_all(self.store, key, key.per_minute)

    def _admit(self, key: ApiKey, per_minute: int) -> None:
        account, now = self._account(key), self.clock()
        rate = per_minute / 60
        account.saved = min(per_minute, account.saved + (now - account.at) * rate)
        account.at = now
        if account.saved < 1:
            raise _too_often(per_minute, (1 - account.saved) / rate)
        account.saved -= 1

    async def _admit_among_all(self, store: ServeStore, key: ApiKey, per_minute: int) -> None:
        most, rate = float(per_minute), per_minute / 60

        async def work(query: Query) -> float:
            await _lock(query, key.prefix, most)
            (row,) = await query(
                """UPDATE pixroute_serve_rate SET at = {now},
                saved = CASE WHEN saved + ({now} - at) * :rate > :most THEN :most ELSE saved + ({now} - at) * :rate END
                WHERE caller = :caller RETURNING saved""",
                caller=key.prefix,
                rate=rate,
                most=most,
            )
            saved = float(row["saved"])
            if saved >= 1:
                await query(
                    "UPDATE pixroute_serve_rate SET saved = saved - 1 WHERE caller = :caller", caller=key.prefix
                )
            return saved

        saved = await store.transact(work)
        if saved < 1:
            raise _too_often(per_minute, (1 - saved) / rate)

    async def take(self, key: ApiKey, pictures: int, place: str) -> GiveBack:
        """Take places for pictures that are made at once; gives what gives them back.

        Args:
            key: whose.
            pictures: how many.
            place: of the request; another process that has it already counts for both.

        Raises:
            Refused: there are not so many.
        """
        account, store = self._account(key), self.store
        if key.at_once is not None and account.making + pictures > key.at_once:
            raise _too_many(f"more than {key.at_once} pictures at once", 5)
        account.making += pictures
        if key.at_once is None or store is None:
            return partial(self._give_back, account, pictures)
        taking = self._places[key.prefix, place] = object()
        is_taken = False
        try:
            is_taken = await self._take_among_all(store, key, pictures, place)
        except StoreAway:
            is_taken = True
        finally:
            if not is_taken:
                self._give_back(account, pictures)
                self._places.pop((key.prefix, place), None)
        if not is_taken:
            raise _too_many(f"more than {key.at_once} pictures at once", 5)

        def give_back() -> None:
            self._give_back(account, pictures)
            task = asyncio.get_running_loop().create_task(self._leave(store, key, place, taking))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

        return give_back

    @staticmethod
    def _give_back(account: _Account, pictures: int) -> None:
        account.making -= pictures

    async def _take_among_all(self, store: ServeStore, key: ApiKey, pictures: int, place: str) -> bool:
        most = inf if key.at_once is None else key.at_once

        async def work(query: Query) -> bool:
            await _lock(query, key.prefix, float(key.per_minute or 0))
            rows = await query(
                f"""SELECT place, CAST(pictures AS BIGINT) AS pictures FROM pixroute_serve_place
                WHERE caller = :caller AND owner IN {ALIVE}""",  # noqa: S608 - our own names
                caller=key.prefix,
            )
            if any(row["place"] == place for row in rows):
                return True
            if sum(int(row["pictures"]) for row in rows) + pictures > most:
                return False
            await query(
                """INSERT INTO pixroute_serve_place VALUES (:caller, :place, :owner, :pictures)
                ON CONFLICT (caller, place) DO UPDATE SET owner = excluded.owner, pictures = excluded.pictures""",
                caller=key.prefix,
                place=place,
                owner=store.owner,
                pictures=pictures,
            )
            return True

        return await store.transact(work)

    async def _leave(self, store: ServeStore, key: ApiKey, place: str, taking: object) -> None:
        """Give a place back in the store, surely, unless it was taken again meanwhile."""

        async def work(query: Query) -> None:
            await query(
                "DELETE FROM pixroute_serve_place WHERE caller = :caller AND place = :place AND owner = :owner",
                caller=key.prefix,
                place=place,
                owner=store.owner,
            )

        while self._places.get((key.prefix, place)) is taking:
            try:
                await store.transact(work)
            except StoreAway:
                await asyncio.sleep(AGAIN)
            else:
                break
        if self._places.get((key.prefix, place)) is taking:
            del self._places[key.prefix, place]

    def _account(self, key: ApiKey) -> _Account:
        return self._accounts.setdefault(key.prefix, _Account(saved=float(key.per_minute or 0), at=self.clock()))


async def _lock(query: Query, caller: str, saved: float) -> None:
    """Let transactions about one key run one after the other."""
    await query(
        """INSERT INTO pixroute_serve_rate VALUES (:caller, :saved, {now})
        ON CONFLICT (caller) DO UPDATE SET caller = excluded.caller""",
        caller=caller,
        saved=saved,
    )


def _too_often(per_minute: int, wait: float) -> Refused:
    return _too_many(f"more than {per_minute} requests in a minute", wait)


def _too_many(message: str, wait: float) -> Refused:
    return Refused(
        GatewayProblem(
            status=429,
            message=message,
            kind="rate_limited",
            type=TOO_MANY,
            code="rate_limit_exceeded",
            retry_after=wait,
            again=True,
        )
    )
