"""Many at one moment: they hold up nobody else, and what they leave is looked for when few are there."""

import asyncio
import gc
import weakref

import pytest

from pixroute.serve.garbage import EVERY, FEW, LATEST, is_time, looking_for_garbage
from pixroute.serve.turns import Turns
from pixroute.testing import FakeProvider

PATH = "/v1/images/generations"
ASKED = {"prompt": "A lighthouse", "size": "64x64"}


async def test_so_many_go_on_in_one_turn_and_all_in_their_order():
    """A turn of the loop lies between them, in which others are served."""
    turns, gone, seen = Turns(3), [], []

    async def one(number):
        await turns.take()
        gone.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(10)]
    while len(gone) < 10:
        await asyncio.sleep(0)
        seen.append(len(gone))
    await asyncio.gather(*tasks)

    assert gone == list(range(10))
    assert max(after - before for before, after in zip([0, *seen], seen, strict=False)) == 3


async def test_who_leaves_while_he_waits_for_his_turn_takes_none():
    """The next one goes in his place."""
    turns = Turns(1)
    await turns.take()
    leaving, staying = (asyncio.create_task(turns.take()) for _ in range(2))
    leaving.cancel()

    await asyncio.wait_for(staying, 1)
    await asyncio.wait_for(turns.take(), 1)

    assert leaving.cancelled()


async def test_somebody_is_served_while_a_crowd_begins(serve):
    """Whoever asks how the server is waits for a few of them, not for all."""
    served = await serve(FakeProvider())
    begun = []
    find = served.gateway.menu.find

    class Menu:
        def only(self, _):
            return self

        def members(self, _):
            return ()

        def find(self, model):
            begun.append(model)
            return find(model)

    served.gateway.menu = Menu()
    turns, most = [0], 0

    async def tick():
        nonlocal most
        while True:
            before = len(begun)
            await asyncio.sleep(0)
            most = max(most, len(begun) - before)
            turns[0] += 1

    ticking = asyncio.create_task(tick())
    answers = await asyncio.gather(*(served.post(PATH, ASKED) for _ in range(60)))
    ticking.cancel()

    assert {answer.status for answer in answers} == {200}
    assert len(begun) == 60
    assert most <= 2 * served.gateway.turns.most  # before and after the look of one turn


@pytest.mark.parametrize(
    ("since", "under_way", "expected"),
    [
        (EVERY + 1, FEW, True),
        (EVERY + 1, FEW + 1, False),
        (EVERY - 1, 0, False),
        (LATEST + 1, 2000, True),
    ],
)
def test_garbage_is_looked_for_in_quiet_moments(since, under_way, expected):
    """Or when there was none for a long time."""
    assert is_time(since, under_way) is expected


async def test_garbage_is_looked_for_as_ever_afterwards():
    """The thresholds are as they were, and nothing stays frozen."""
    before = gc.get_threshold()

    with looking_for_garbage(lambda: 0):
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[:2] == before[:2]

    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("body", [ASKED, {**ASKED, "stream": True}], ids=["plain", "stream"])
async def test_a_picture_that_was_given_is_let_go_of_without_a_look_for_garbage(serve, body):
    """Nothing holds it in a circle: else memory would grow until a quiet moment."""
    served = await serve(FakeProvider())
    held = []
    generate = served.gateway.router.generate

    class Watched:
        async def generate(self, *args, **options):
            result = await generate(*args, **options)
            held.append(weakref.ref(result.image.content))
            return result

    router, served.gateway.router = served.gateway.router, Watched()
    gc.disable()
    try:
        for _ in range(3):
            async with served.post(PATH, body) as answer:
                await answer.read()
        await asyncio.sleep(0.02)
        alive = [one for one in held if one() is not None]
    finally:
        gc.enable()
        served.gateway.router = router

    assert len(held) == 3
    assert not alive
