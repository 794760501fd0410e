"""An upstream as a table: its routes, its dialect, its words for what goes wrong."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from attrs import field, frozen

from pixroute.testing.emulator.dialects.dialect import Dialect
from pixroute.testing.emulator.kind import FaultKind

if TYPE_CHECKING:
    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.jobs import EmulatedJob
    from pixroute.testing.emulator.wire import Answer

Wording = tuple[int, Any]
"""A status and a body; "{id}" and "{model}" in it are filled in."""


class JobDialect(Dialect, Protocol):
    """A dialect whose calls are jobs: `render` tells the result."""

    def taken(self, job: "EmulatedJob", call: "ReceivedCall") -> "Awaitable[Answer]":
        """Answer the submission; it may wait for the job."""
        ...

    def told(self, job: "EmulatedJob", call: "ReceivedCall") -> "Answer":
        """Answer a call about the job, by its route: a poll, the result, a cancellation."""
        ...


@frozen(kw_only=True)
class Service:
    """One upstream of the emulator.

    Args:
        name: whose errors its dialects speak (their `voice`).
        routes: method, path as aiohttp writes it, and the route's name, which selectors know.
        dialect: makes the dialect of a call on one of its routes.
        shares: routes of others that it answers too, for models of its `families`.
        families: of `models.family`.
        follow_ups: those of its routes that ask about a job, whose id is `{id}` in the path.
        keys: where the key may stand: a header and what precedes the key in it.
        errors: wording by fault, or by "fault/variant".
        refusals: wording by shape, the usual one first; of status 200 they are billed where `bills_refusals`.
        empty: an answer without a picture.
        failed: how a job that ended in an error is told, in place of the result.
        lost: the answer to a poll for a job that is not known.
        faults: what goes wrong in a way of its own.
        id_header: the header that names the request.
    """

    name: str
    routes: tuple[tuple[str, str, str], ...]
    dialect: "Callable[[ReceivedCall], Dialect]"
    shares: frozenset[str] = frozenset()
    families: frozenset[str] = frozenset()
    follow_ups: frozenset[str] = frozenset()
    keys: tuple[tuple[str, str], ...] = (("authorization", "Bearer "),)
    errors: Mapping[str, Wording] = field(factory=dict)
    refusals: Mapping[str, Wording] = field(factory=dict)
    bills_refusals: bool = True
    empty: Wording | None = None
    failed: Wording | None = None
    lost: Wording = (404, {"detail": "Not found"})
    faults: Mapping[str, FaultKind] = field(factory=dict)
    id_header: str = "x-request-id"

    def key_of(self, call: "ReceivedCall") -> str:
        """Give the key that a call carries where this upstream looks for it, or ""."""
        for header, before in self.keys:
            sent = call.headers.get(header, "")
            if sent.startswith(before) and len(sent) > len(before):
                return sent.removeprefix(before)
        return ""

    def answers(self, route: str, family: str) -> bool:
        """Tell whether a call is this upstream's."""
        return any(route == name for *_, name in self.routes) or (route in self.shares and family in self.families)
