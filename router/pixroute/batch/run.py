"""Works through the items of a batch: so many at once, within its money, and every step in the journal first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from attrs import evolve, frozen

from pixroute.batch.facts import delivered, undelivered
from pixroute.batch.items import Item
from pixroute.batch.journal import Journal
from pixroute.batch.keep import keep
from pixroute.batch.status import ITEM_TAG, full
from pixroute.content import to_the_end
from pixroute.cost import Cost
from pixroute.errors import BudgetExceeded, Problem, RequestFailed
from pixroute.policy import Overrides
from pixroute.references import loaded
from pixroute.result import ImageResult
from pixroute.routing.budget import RequestBudget
from pixroute.routing.router import Router
from pixroute.routing.view import Verdict


class Stopped(StrEnum):
    """Why no further item is started."""

    MONEY = "the rest of the cost limit pays for no other picture"
    ASKED = "it was interrupted"
    BROKEN = "journal or pictures cannot be written"


@frozen
class Began:
    """An item was begun."""

    item: Item


@frozen
class ItemEnded:
    """An item ended; `paths` are the files it left, accepted pictures first."""

    item: Item
    outcome: ImageResult | RequestFailed | ValueError
    paths: tuple[Path, ...] = ()


class Batch:
    """One run over the items of a batch.

    Args:
        router: asked for every item; not used for anything else meanwhile where a cost limit is to hold.
        journal: written before an item is sent and when its pictures are on disk.
        folder: where the pictures go.
        concurrency: how many items are in flight at most.
        timeout: seconds for each item; None as `Router.generate` has it.
        budget: what may still be spent; every item reserves its worst case of it while it runs.
        tell: called with what happens.
    """

    def __init__(
        self,
        *,
        router: Router,
        journal: Journal,
        folder: Path,
        concurrency: int,
        timeout: float | None = None,
        budget: RequestBudget,
        tell: Callable[[Began | ItemEnded], None] = lambda _: None,
    ) -> None:
        self._router = router
        self._journal = journal
        self._folder = folder
        self._concurrency = concurrency
        self._timeout = timeout
        self._budget = budget
        self._tell = tell
        self._running = 0
        self._freed = asyncio.Event()
        self.stopped: Stopped | None = None

    def stop(self, why: Stopped = Stopped.ASKED) -> None:
        """Start no further item; those in flight go on."""
        self.stopped = self.stopped or why
        self._freed.set()

    async def run(self, items: Iterable[Item]) -> None:
        """Work until all items have ended or the batch has stopped.

        Raises:
            OSError: journal or pictures cannot be written; what was in flight has ended.
        """
        queue = iter(items)
        workers = [asyncio.ensure_future(self._work(queue)) for _ in range(self._concurrency)]
        try:
            await asyncio.wait(workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        for worker in workers:
            worker.result()

    async def _work(self, queue: Iterator[Item]) -> None:
        try:
            for item in queue:
                worst = await self._money_for(item)
                if self.stopped:
                    return
                await self._make(item, worst)
        except Exception:
            self.stop(Stopped.BROKEN)
            raise

    async def _money_for(self, item: Item) -> Decimal | None:
        """Wait until the item's worst case fits into what is left, or nothing else runs: then the rest must do.

        Gives None, at once, where there is no limit.
        """
        if self._budget.left is None:
            return None
        worst = self._router.explain(item.request, chain=item.chain, timeout=self._timeout).worst_cost
        while self._running and not self.stopped and (worst is None or worst > self._budget.left):
            self._freed.clear()
            await self._freed.wait()
        return self._budget.left if worst is None else min(worst, self._budget.left)

    async def _make(self, item: Item, reserved: Decimal | None) -> None:
        spent = reserved  # unless its end says otherwise
        self._running += 1
        self._budget.reserve(reserved)
        try:
            self._journal.begun(item)
            self._tell(Began(item))
            spent = full(await self._ask(item, reserved))
        finally:
            self._budget.settle(reserved, spent)
            self._running -= 1
            self._freed.set()

    async def _ask(self, item: Item, most: Decimal | None) -> Cost:
        request = evolve(item.request, tags={**item.request.tags, ITEM_TAG: item.id})
        limit: Overrides = {} if most is None else {"max_cost": most}
        try:
            result = await self._router.generate(request, chain=item.chain, timeout=self._timeout, **limit)
        except (RequestFailed, ValueError) as error:
            if isinstance(error, BudgetExceeded) and most is not None:
                self.stop(Stopped.MONEY)
            return await to_the_end(self._failed(item, error))
        return await to_the_end(self._finished(item, result))

    async def _finished(self, item: Item, result: ImageResult) -> Cost:
        kept = await keep(result.images, item, self._folder)
        kept += await keep(result.extra, item, self._folder, "extra")
        self._journal.finished(item, delivered(result, kept, self._folder))
        self._tell(ItemEnded(item, result, tuple(each.path for each in kept)))
        return result.cost

    async def _failed(self, item: Item, error: RequestFailed | ValueError) -> Cost:
        images = error.images if isinstance(error, RequestFailed) else ()
        kept = await keep(images, item, self._folder, "rejected")
        self._journal.failed(item, undelivered(error, kept, self._folder))
        self._tell(ItemEnded(item, error, tuple(each.path for each in kept)))
        return error.cost if isinstance(error, RequestFailed) else Cost()


# Before anything is bought


def currencies(router: Router, items: Iterable[Item]) -> set[str]:
    """Give the currencies of the chains that the items go to; one limit counts in one currency."""
    return {router.explain(item.request, chain=item.chain).currency for item in items}


async def check(router: Router, items: Sequence[Item]) -> list[Problem]:
    """Give what would make items fail whenever they are asked: a chain or file that is missing, an impossible wish."""
    found = [(item, why) for item in items if (why := await _unservable(router, item))]
    return [Problem(f"line {item.line}", why) for item, why in found]


async def _unservable(router: Router, item: Item) -> str | None:
    try:
        await loaded(item.request)
        plans = router.explain(item.request, chain=item.chain).providers
    except ValueError as error:
        return str(error)
    if any(plan.verdict == Verdict.READY.value for plan in plans):
        return None
    return f"nobody can serve it: {'; '.join(f'{plan.name}: {plan.verdict}' for plan in plans)}"
