"""Accounts that nobody asks until a time: a bad key, no money (semantics §1, §2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import define

from pixroute.outcome import Hold


@define
class _Held:
    hold: Hold
    until: float
    seconds: float
    credential: Callable[[], str] | None
    fingerprint: str | None
    first_hand: bool = True


class Holds:
    """The holds of all accounts."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def copied(self) -> Holds:
        """Give a copy, to be read."""
        holds = Holds()
        vars(holds).update(_held=dict(self._held))
        return holds

    def place(self, account: str, hold: Hold, now: float, credential: Callable[[], str] | None = None) -> None:
        """Hold an account; one that comes back to fail again is held twice as long, up to `hold.longest`.

        What was in flight when a hold began repeats nothing: it only extends the hold where its own is longer.

        Args:
            account: as in `Identity`.
            hold: for how long.
            now: seconds on the loop's clock.
            credential: gives the secret's fingerprint; the hold ends when that changes. Asked only while it lasts.
        """
        held = self._held.get(account)
        if held is not None and now < held.until:
            held.until = max(held.until, now + hold.first)
            return
        seconds = min(2 * held.seconds, hold.longest) if held is not None and held.hold == hold else hold.first
        fingerprint = _asked(credential) if credential else None
        self._held[account] = _Held(hold, now + seconds, seconds, credential, fingerprint)

    def told(self, now: float) -> dict[str, tuple[float, str | None]]:
        """Give what this process was told itself: by account until when, and the credential's fingerprint."""
        return {
            account: (held.until, held.fingerprint)
            for account, held in list(self._held.items())
            if held.first_hand and self.until(account, now) is not None
        }

    def hear(self, heard: Mapping[str, tuple[float, Callable[[], str]]], now: float) -> None:
        """Hold what other processes were told to, until the times given, in place of all that was heard before."""
        for account in [account for account, held in self._held.items() if not held.first_hand]:
            if account not in heard:
                del self._held[account]
        for account, (until, credential) in heard.items():
            held = self._held.get(account)
            if held is None or (not held.first_hand or now >= held.until):
                seconds = until - now
                hold = Hold(first=seconds, longest=seconds)
                fingerprint = _asked(credential)
                self._held[account] = _Held(hold, until, seconds, credential, fingerprint, first_hand=False)

    def until(self, account: str, now: float) -> float | None:
        """Tell until when the account is held; None if it is not."""
        held = self._held.get(account)
        if held is None or now >= held.until:
            return None
        now_given = _asked(held.credential) if held.credential is not None else None
        if now_given is not None and now_given != held.fingerprint:
            del self._held[account]
            return None
        return held.until

    def forget(self, account: str) -> None:
        """End the hold, if any, and its repetitions: the account was served."""
        self._held.pop(account, None)

    def active(self, now: float) -> dict[str, float]:
        """Give the accounts held, with the time until when."""
        return {account: until for account in list(self._held) if (until := self.until(account, now)) is not None}


def _asked(credential: Callable[[], str]) -> str | None:
    """Give a fingerprint; None where its source has none now, which changes nothing."""
    try:
        return credential()
    except Exception:  # noqa: BLE001 - a key's source is anybody's code, and what it raises is no news of the account
        return None
