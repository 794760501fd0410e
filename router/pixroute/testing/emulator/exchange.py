"""One call being answered: what a fault may bend."""

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import evolve, frozen

from pixroute.testing.emulator.call import PROVIDER_QUERY
from pixroute.testing.emulator.dialects import json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.dialects import Dialect
    from pixroute.testing.emulator.faults import Fault
    from pixroute.testing.emulator.files import Files
    from pixroute.testing.emulator.order import Order, Sheet
    from pixroute.testing.emulator.studio import Studio
    from pixroute.testing.emulator.wire import Answer


@frozen(kw_only=True)
class EmulatedExchange:
    """A valid call, its fault, and the means to answer it.

    `entry_id` is None where nothing is made. `results_at` is the origin of result URLs, by default the call's.
    """

    call: "ReceivedCall"
    order: "Order"
    dialect: "Dialect"
    fault: "Fault | None"
    request_id: str
    entry_id: int | None
    studio: "Studio"
    files: "Files"
    results_at: str = ""
    id_header: str = "x-request-id"

    async def answer(self) -> "Answer":
        """Answer as the fault says, or as a healthy upstream does."""
        return await (self.fault.act(self) if self.fault else self.deliver(self.order))

    def option(self, name: str) -> Any:
        """One of the fault's options, or its default."""
        assert self.fault
        return self.fault.option(name)

    async def after(self) -> None:
        """Wait as long as the fault's `after` says."""
        await self.studio.sleep(self.option("after"))

    def begin(self, order: "Order", *, factor: float = 1.0, charged: bool = True) -> "asyncio.Future[list[Sheet]]":
        """Start the work; it goes on whatever becomes of this exchange."""
        if self.entry_id is not None:
            return self.studio.start(self.entry_id, order, factor=factor, charged=charged)
        sheet = self.files.get(order.prompt)
        kept = asyncio.get_running_loop().create_future()
        kept.set_result([sheet] if sheet else [])
        return kept

    async def make(self, order: "Order", *, factor: float = 1.0, charged: bool = True) -> "list[Sheet]":
        """Do the work and wait for it."""
        return await asyncio.shield(self.begin(order, factor=factor, charged=charged))

    async def ponder(self) -> None:
        """Take the time of the work and make nothing."""
        await self.studio.sleep(self.studio.latency(self.order))

    async def render(self, order: "Order", sheets: "list[Sheet]") -> "Answer":
        """Tell the pictures; in a thread, for the text of a large one takes a while to write."""
        if order.as_url or order.form == "text-url":
            sheets = [evolve(sheet, url=self._link(order, sheet)) for sheet in sheets]
        return self.signed(await asyncio.to_thread(self.dialect.render, order, sheets))

    async def deliver(self, order: "Order", *, factor: float = 1.0) -> "Answer":
        """Make the pictures and tell them."""
        return await self.render(order, await self.make(order, factor=factor))

    def error(self, status: int, body: Any, headers: "Mapping[str, str] | None" = None) -> "Answer":
        """Answer with an error's JSON; "{model}" and "{id}" in it are filled in."""
        return self.signed(json_answer(body, status=status, headers=headers))

    def signed(self, answer: "Answer") -> "Answer":
        """Put the request's id and the model's name where an upstream tells them."""
        return signed(answer, self.request_id, self.order.model, header=self.id_header)

    def charge(self) -> None:
        """Bill an answer that has no picture."""
        if self.entry_id is not None:
            self.studio.ledger.charge(self.entry_id)

    def _link(self, order: "Order", sheet: "Sheet") -> str:
        name = self.files.put(sheet, lifetime=order.lifetime)
        origin = self.results_at or self.call.origin
        whose = f"&{PROVIDER_QUERY}={quote(order.provider, safe='')}" if order.provider else ""
        return f"{origin}/files/{name}?X-Tos-Expires={order.lifetime:.0f}&X-Tos-Signature=emulated{whose}"


def signed(answer: "Answer", request_id: str, model: str = "", *, header: str = "x-request-id") -> "Answer":
    """Put the request id, and a model's name, where an upstream tells them."""
    body = answer.body
    if answer.status != 200 or len(body) < 4096:
        body = body.replace(b"{id}", request_id.encode()).replace(b"{model}", model.encode())
    return evolve(answer, headers={**answer.headers, header: request_id}, body=body)
