"""What one caller may do at a time: requests in a minute, pictures at once."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from attrs import define, field

from pixroute.serve.keys import ApiKey
from pixroute.serve.problem import TOO_MANY, GatewayProblem, Refused


@define
class _Account:
    """How many requests are saved up, and when that was counted; how many pictures are being made."""

    saved: float
    at: float
    making: int = 0


@define(eq=False)
class Limits:
    """The limits of every key; a key's share in this process."""

    clock: Callable[[], float]
    _accounts: dict[str, _Account] = field(factory=dict)

    def admit(self, key: ApiKey) -> None:
        """Count a request.

        Raises:
            Refused: there were too many within a minute.
        """
        if key.per_minute is None:
            return
        account, now = self._account(key), self.clock()
        rate = key.per_minute / 60
        account.saved = min(key.per_minute, account.saved + (now - account.at) * rate)
        account.at = now
        if account.saved < 1:
            message = f"more than {key.per_minute} requests in a minute"
            raise _too_many(message, (1 - account.saved) / rate)
        account.saved -= 1

    def take(self, key: ApiKey, pictures: int) -> Callable[[], None]:
        """Take places for pictures that are made at once; gives what gives them back.

        Raises:
            Refused: there are not so many.
        """
        account = self._account(key)
        if account.making + pictures > (inf if key.at_once is None else key.at_once):
            raise _too_many(f"more than {key.at_once} pictures at once", 5)
        account.making += pictures

        def give_back() -> None:
            account.making -= pictures

        return give_back

    def _account(self, key: ApiKey) -> _Account:
        return self._accounts.setdefault(key.prefix, _Account(saved=float(key.per_minute or 0), at=self.clock()))


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
