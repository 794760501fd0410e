"""What an operator says of breakers, over what they found themselves (semantics §4.2): values.

open      admits nothing, until its time is over (then as after any opening: one probe) or `reset`
closed    streak, rate, overdue and stall do not open it; a hint and one answer that is enough still do
observe   finds and tells what it would do for evidence, and admits all the same
release   what was forced ends, as if its time were over
reset     as new: evidence, openings, doublings, hint and one answer's word are forgotten

`force` says one of the first three; `release` and `reset` end it.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf
from typing import Literal

from attrs import frozen

from pixroute.request import Resolution


class Forced(StrEnum):
    """What an operator may force."""

    OPEN = "open"
    CLOSED = "closed"
    OBSERVE = "observe"


@frozen(kw_only=True)
class OperatorOrder:
    """An operator's word for an upstream's breakers, an origin's, or (reset only) an account's hold.

    Args:
        act: what is to be.
        key: the upstream's, origin's or account's name.
        scope: which of them `key` names.
        resolution: the one resolution of an upstream that it is for; None: all.
        seconds: how long it holds; inf: until another word.
    """

    act: Forced | Literal["release", "reset"]
    key: str
    scope: Literal["upstream", "origin", "account"] = "upstream"
    resolution: Resolution | None = None
    seconds: float = inf
