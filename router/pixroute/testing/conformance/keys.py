"""A key whose time is over: the next request carries the new one."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from attrs import evolve

from pixroute.errors import RequestFailed
from pixroute.http.provider import HttpProvider
from pixroute.outcome import FailureKind
from pixroute.testing.conformance.stand import answer, at, healthy, play, router_of
from pixroute.testing.conformance.upstream import KEY, Upstream
from pixroute.testing.conformance.words import check, smallest
from pixroute.testing.faults import ScriptedServer

_EXPIRED = "The token has expired."
_NEXT = "a-token-that-is-still-good"


class KeyChecks:
    """Checks of keys and tokens that end."""

    upstream: ClassVar[Upstream | None]

    def test_an_expired_key_is_replaced(self, http_provider: HttpProvider[Any]) -> None:
        """It counts as AUTH; as soon as its source gives another, the provider is asked again, and with that."""
        if self.upstream is None or http_provider.auth is None:
            pytest.skip("there is no key, or nothing is known of the upstream")
        known = self.upstream
        kinds, sent = play(lambda: _ask_twice(http_provider, known))

        check(
            kinds[0] is FailureKind.AUTH,
            f"An answer that the key has expired counts as {kinds[0]}.",
            "Only AUTH ends when the key changes; anything else blames the request or rests for minutes.",
        )
        check(
            kinds[1] is None and _NEXT in sent,
            f"After the key changed the provider gave {kinds[1]}, and was sent {'the new' if _NEXT in sent else 'no'} "
            "key.",
            "A token lasts an hour: whoever keeps the first is out of work after it. Leave the key to the library.",
        )


async def _ask_twice(provider: HttpProvider[Any], known: Upstream) -> tuple[list[FailureKind | None], str]:
    """Ask with a key that is refused as expired, then with the next."""
    keys = [KEY.reveal()]
    request = smallest(provider.capabilities())
    refused = known.error if known.expired is None else known.expired
    script = (answer(refused, status=401, message=_EXPIRED), *healthy(known, request))
    async with ScriptedServer(*script) as server:
        before = at(provider, server.origin)
        renewed = type(before)(before.name, evolve(before.settings, api_key=lambda: keys[-1]))
        async with router_of(renewed) as router:
            kinds: list[FailureKind | None] = []
            for _ in range(2):
                try:
                    await router.generate(request)
                    kinds.append(None)
                except RequestFailed as failed:
                    attempts = failed.record.attempts
                    kinds.append(attempts[-1].kind if attempts else FailureKind.UNKNOWN)
                keys.append(_NEXT)
        return kinds, " ".join(str(request.headers) for request in server.requests[1:])
