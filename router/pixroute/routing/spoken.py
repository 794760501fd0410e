"""What operators say of providers in one process is obeyed by all (semantics §4.3)."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from math import inf
from platform import node
from typing import TYPE_CHECKING, cast

from attrs import define, field

from pixroute.health.force import Forced, OperatorOrder
from pixroute.health.registry import Health
from pixroute.health.telling import digest
from pixroute.request import RESOLUTIONS, Resolution
from pixroute.shared.ports import StoreAway
from pixroute.shared.words import HEARD, KeptWord, Word, Words

if TYPE_CHECKING:
    from pixroute.provider import Provider

log = logging.getLogger(__name__)

_STANDING = {str(forced) for forced in Forced} | {"disable"}
_ENDING = {"release", "reset", "enable"}
_SCOPES = ("upstream", "origin", "account")


@define
class Spoken:
    """The words that this process passes on and hears.

    Args:
        words: the store's.
        health: obeys them.
        providers: those of now.
    """

    words: Words
    health: Health
    providers: Callable[[], Mapping[str, Provider]]
    _to_say: dict[tuple[str, str, str], Word] = field(factory=dict, init=False)
    _heard: dict[tuple[str, str, str], int] | None = field(default=None, init=False)
    _passed_over: set[tuple[str, str, str]] = field(factory=set, init=False)

    def order(self, order: OperatorOrder) -> None:
        """Pass on what was said here of breakers and holds; the store hears it within a second, or when it is back."""
        self._say(order.scope, digest(order.key), order.resolution or "", str(order.act), order.seconds)

    def able(self, provider: str, *, wanted: bool) -> None:
        """Pass on that a provider was disabled or enabled here."""
        self._say("provider", provider, "", "enable" if wanted else "disable", inf)

    async def exchange(self) -> None:
        """Say what is to be said, and obey what is new; a store that is away hears it later."""
        saying = dict(self._to_say)
        try:
            kept = await self.words.exchange(list(saying.values()))
        except StoreAway:
            return  # told by whoever keeps money and places there
        self._to_say = {place: word for place, word in self._to_say.items() if saying.get(place) is not word}
        first, self._heard = self._heard is None, self._heard or {}
        for one in kept:
            place = one.word.place
            if one.serial <= self._heard.get(place, -1):
                continue
            self._heard[place] = one.serial
            if one.owner != self.words.owner and place not in self._to_say:
                self._obey(one, first=first)

    def _say(self, scope: str, name: str, resolution: str, act: str, seconds: float) -> None:
        lasts = HEARD if act in _ENDING else seconds
        who = f"{node()}/{os.getpid()}"
        word = Word(scope=scope, name=name, resolution=resolution, act=act, who=who, seconds=lasts)
        self._to_say.pop(word.place, None)  # what is said last is said last
        self._to_say[word.place] = word

    def _obey(self, kept: KeptWord, *, first: bool) -> None:
        word = kept.word
        if word.act not in _STANDING | _ENDING or word.resolution not in ("", *RESOLUTIONS):
            self._pass_over(word)
        elif first and word.act in _ENDING:
            return  # it ended what this process has not heard
        elif word.scope == "provider":
            if word.name in self.providers():
                (self.health.disable if word.act == "disable" else self.health.enable)(word.name)
        elif word.scope not in _SCOPES or word.act in ("disable", "enable"):
            self._pass_over(word)
        elif (key := self._key(word)) is not None:
            act = Forced(word.act) if word.act in _STANDING else word.act
            resolution = cast("Resolution | None", word.resolution or None)
            scope = cast("object", word.scope)
            order = OperatorOrder(
                act=act,  # type: ignore[arg-type]  # looked at above
                key=key,
                scope=scope,  # type: ignore[arg-type]  # looked at above
                resolution=resolution,
                seconds=word.seconds,
            )
            self.health.obey(order, asyncio.get_running_loop().time())
            log.info("obeyed %s", f"{word.act} of {word.scope}, said by another process", extra={"act": word.act})

    def _key(self, word: Word) -> str | None:
        """Give the name of which the word has the digest, if this process knows it."""
        for provider in self.providers().values():
            key = getattr(provider.identity, word.scope)
            if key is not None and digest(key) == word.name:
                return str(key)
        return None

    def _pass_over(self, word: Word) -> None:
        if word.place not in self._passed_over and len(self._passed_over) < 100:
            self._passed_over.add(word.place)
            log.warning("an operator's word in the store means nothing here and is passed over", extra={"act": "?"})
