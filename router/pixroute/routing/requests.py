"""The requests of a router that are under way: whoever closes it, or providers after a reload, waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pixroute.values import Mistake


class OpenRequests:
    """Those under way.

    Args:
        new_id: makes an id for whoever brings none.
        on_none: called when the last has ended.
    """

    def __init__(self, new_id: Callable[[], str], on_none: Callable[[], None]) -> None:
        self.ends: dict[asyncio.Future[None], None] = {}
        """What is done when one has ended, in order of arrival."""
        self._new_id = new_id
        self._on_none = on_none
        self._callers_ids: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.ends)

    def enter(self, request_id: str | None = None) -> RequestEntry:
        """Give one that is under way while it is entered.

        Raises:
            ValueError: the caller's id is that of a request in flight.
        """
        if request_id is None:
            return RequestEntry(self, self._new_id())
        if request_id in self._callers_ids:
            raise Mistake(f"{request_id!r} is in flight already; give every request an id of its own", "request_id")
        self._callers_ids.add(request_id)
        return RequestEntry(self, request_id)

    def leave(self, end: asyncio.Future[None], request_id: str) -> None:
        """Take note that one has ended."""
        del self.ends[end]
        self._callers_ids.discard(request_id)
        end.set_result(None)
        if not self.ends:
            self._on_none()


class RequestEntry:
    """One of them; entering it gives its id."""

    __slots__ = ("_end", "_request_id", "_requests")

    def __init__(self, requests: OpenRequests, request_id: str) -> None:
        self._requests = requests
        self._request_id = request_id
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __enter__(self) -> str:
        self._requests.ends[self._end] = None
        return self._request_id

    def __exit__(self, *_: object) -> None:
        self._requests.leave(self._end, self._request_id)
