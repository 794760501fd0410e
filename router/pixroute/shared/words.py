"""What an operator said by call: a row of its own, kept until its time is over or another word is said."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from attrs import define, frozen

from pixroute.shared.ports import Kept, Query
from pixroute.shared.rows import enter

FOR_GOOD = -1.0
HEARD = 3600.0
"""Seconds for which a word that only ends another is kept, so that everybody hears it."""


@frozen(kw_only=True)
class Word:
    """One word.

    Args:
        scope: "upstream", "origin", "account" or "provider".
        name: a digest; of a provider its name.
        resolution: the one that it is for; empty: all.
        act: "open", "closed", "observe", "disable"; what ends these: "release", "reset", "enable".
        who: said it.
        seconds: how long it holds; inf: until another word.
    """

    scope: str
    name: str
    resolution: str
    act: str
    who: str
    seconds: float = inf

    @property
    def place(self) -> tuple[str, str, str]:
        """What it is of: the last word of a place counts."""
        return self.scope, self.name, self.resolution


@frozen
class KeptWord:
    """A word as the store has it, said by the process `owner`; `serial` only grows, `word.seconds` are those left."""

    word: Word
    owner: str
    serial: int


@define
class Words:
    """The words of all operators.

    Args:
        kept: the store.
        owner: this process's name.
    """

    kept: Kept
    owner: str

    async def exchange(self, words: Sequence[Word]) -> Sequence[KeptWord]:
        """Say these, in this order, and hear all that hold.

        Raises:
            StoreAway: as of the store.
        """

        async def work(query: Query) -> Sequence[KeptWord]:
            for word in words:
                await self._say(query, word)
            rows = await query(
                """SELECT scope, name, resolution, act, who, owner, until - {now} AS remains, until, serial
                FROM pixroute_word WHERE until < 0 OR until > {now} ORDER BY serial LIMIT 1000"""
            )
            return [_read(row) for row in rows]

        return await self.kept.transact(work)

    async def _say(self, query: Query, word: Word) -> None:
        turn = await enter(query, self.owner)
        await query("DELETE FROM pixroute_word WHERE until >= 0 AND until < {now}")
        ends = "{now} + :seconds" if word.seconds < inf else ":seconds"
        await query(
            f"""INSERT INTO pixroute_word VALUES
            (:scope, :name, :resolution, :act, :who, :owner, {{now}}, {ends}, :serial)
            ON CONFLICT (scope, name, resolution) DO UPDATE SET act = excluded.act, who = excluded.who,
            owner = excluded.owner, said = excluded.said, until = excluded.until, serial = excluded.serial""",  # noqa: S608 - one of two texts above
            scope=word.scope,
            name=word.name,
            resolution=word.resolution,
            act=word.act,
            who=word.who,
            owner=self.owner,
            seconds=word.seconds if word.seconds < inf else FOR_GOOD,
            serial=turn.number,
        )


def _read(row: object) -> KeptWord:
    fields = dict(row)  # type: ignore[call-overload]  # a mapping
    word = Word(
        scope=str(fields["scope"]),
        name=str(fields["name"]),
        resolution=str(fields["resolution"]),
        act=str(fields["act"]),
        who=str(fields["who"]),
        seconds=inf if fields["until"] < 0 else float(fields["remains"]),
    )
    return KeptWord(word, str(fields["owner"]), int(fields["serial"]))
