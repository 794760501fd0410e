"""Several processes of a gateway on one store: each knows what the others began, and what each key has used up."""

import asyncio
import os

import openai
import pytest

from pixroute.config.serve import ServeSettings
from pixroute.config.shared import SharedSettings
from pixroute.content import Content
from pixroute.cost import Cost
from pixroute.outcome import FailureKind
from pixroute.result import Image
from pixroute.secret import Secret
from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.keys import mint, revoke
from pixroute.serve.keys_shared import change_shared_keys
from pixroute.serve.limits import Limits
from pixroute.serve.listen import kept_of
from pixroute.serve.problem import GatewayProblem, Refused
from pixroute.serve.repeats import Elsewhere, Fresh, Known, Name, Nothing
from pixroute.serve.shelf import PIECE, StoreShelf
from pixroute.serve.together import ServeStore
from pixroute.shared.ports import StoreAway
from pixroute.testing import FakeProvider, fail

pytestmark = pytest.mark.slow  # stores on a disk and in a server, processes that die

PATH = "/v1/images/generations"
ASKED = {"prompt": "A lighthouse", "size": "64x64"}
BODY = {"model": "default", **ASKED}
KEY = {"Idempotency-Key": "one"}
AGAIN = {"x-stainless-retry-count": "1"}
NAME = Name(caller="a", key="one", digest="d")
OTHER = Name(caller="a", key="two", digest="d")


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request, tmp_path):
    """A store of each kind."""
    if request.param == "sqlite":
        return SharedSettings(store=tmp_path / "shared.sqlite")
    return SharedSettings(store=Secret(request.getfixturevalue("cluster").database()))


@pytest.fixture
async def stores(shared):
    """Make the parts of processes in one store; all but the dead are closed at the end."""
    made = []

    async def make(**fields):
        store = ServeStore(kept_of(ServeSettings(), shared), **{"life": 1.0, "beat": 0.1, **fields})
        made.append(store)
        await store.alive()
        return store

    yield make
    for store in made:
        await store.aclose()


def shelf_of(store, **bounds):
    """Give a shelf."""
    return StoreShelf(store, **{"most": 10, "most_bytes": 1 << 30, **bounds})


def answer(*pictures):
    """Give an answer with pictures of these bytes."""
    fields = {"format": "png", "width": 8, "height": 8, "provider": "a", "model": None}
    images = tuple(Image(content=Content(data), cost=Cost(), **fields) for data in pictures)
    return GatewayAnswer(images=images, cost=Cost(), request_id="r", missing=({"part": 2, "kind": "moderated"},))


async def known(shelf, name=NAME):
    """Wait until it is known what became of a name."""
    async with asyncio.timeout(10):
        while isinstance(found := await shelf.begin(name, 60), Elsewhere):  # noqa: ASYNC110 - as the gateway does
            await asyncio.sleep(0.05)
    return found.outcome if isinstance(found, Known) else found


# A name


async def test_a_name_is_given_once(stores):
    """Whoever comes later waits, and is given what it came to, picture for picture."""
    one, two = shelf_of(await stores()), shelf_of(await stores())
    pictures = [os.urandom(2 * PIECE + 5), os.urandom(100), b"x" * PIECE]

    begun = await asyncio.gather(one.begin(NAME, 60), two.begin(NAME, 60))
    winner = (one, two)[[isinstance(each, Fresh) for each in begun].index(True)]
    winner.settle(NAME, begun[(one, two).index(winner)].turn, made := answer(*pictures), 60)
    found = await known(two)

    assert sorted(type(each).__name__ for each in begun) == ["Elsewhere", "Fresh"]
    assert [image.data for image in found.images] == pictures
    assert (found.cost, found.missing, found.request_id) == (made.cost, made.missing, made.request_id)


async def test_a_name_that_cost_nothing_is_free_again(stores):
    """Its process gave it back."""
    one, two = shelf_of(await stores()), shelf_of(await stores())

    one.release(NAME, (await one.begin(NAME, 60)).turn)

    assert isinstance(await known(two), Fresh)


class Unheard:
    """A store that does what it is told, and is too late to say so, as often as is said."""

    def __init__(self, kept, times):
        self._kept, self.times = kept, times

    async def transact(self, work):
        """Do it; then be late."""
        done = await self._kept.transact(work)
        if self.times:
            self.times -= 1
            raise StoreAway("late")
        return done

    def __getattr__(self, name):
        return getattr(self._kept, name)


async def test_a_name_given_back_twice_is_not_taken_from_who_has_it_since(stores, monkeypatch):
    """Whether a store that was late has done it nobody can tell, so it is told again; another may have begun since."""
    monkeypatch.setattr("pixroute.serve.shelf.AGAIN", 0.1)
    mine, (two, three) = await stores(beat=60), [shelf_of(await stores()) for _ in range(2)]
    one = shelf_of(mine)
    turn = (await one.begin(NAME, 60)).turn
    mine.kept = Unheard(mine.kept, times=1)

    one.release(NAME, turn)
    while not isinstance(await two.begin(NAME, 60), Fresh):  # noqa: ASYNC110 - as the gateway does
        await asyncio.sleep(0.01)
    await one.written()

    assert mine.kept.times == 0
    assert isinstance(await three.begin(NAME, 60), Elsewhere)


async def test_a_name_that_was_taken_unheard_is_free_again(stores):
    """Nothing was started under it, and its caller was told so."""
    mine, two = await stores(beat=60), shelf_of(await stores())
    one, mine.kept = shelf_of(mine), Unheard(mine.kept, times=1)

    with pytest.raises(StoreAway):
        await one.begin(NAME, 60)
    kept = (await one.begin(OTHER, 60)).turn
    assert isinstance(await two.begin(NAME, 60), Elsewhere)
    await mine.transact(one._drop)

    assert isinstance(await two.begin(NAME, 60), Fresh)
    assert isinstance(await two.begin(OTHER, 60), Elsewhere)
    assert kept in one._turns


async def test_a_place_given_back_twice_is_not_taken_from_a_later_picture(stores, monkeypatch):
    """The same, of the pictures that a key may have at once."""
    monkeypatch.setattr("pixroute.serve.limits.AGAIN", 0.1)
    mine, other = await stores(beat=60), Limits(asyncio.get_running_loop().time, await stores())
    limits, key = Limits(asyncio.get_running_loop().time, mine), mint("shop", by="test", now=0.0, at_once=1)[1]
    give_back = await limits.take(key, 1, "place")
    mine.kept = Unheard(mine.kept, times=1)

    give_back()
    while mine.kept.times:  # noqa: ASYNC110 - it is a thread's
        await asyncio.sleep(0.01)
    await limits.take(key, 1, "place")
    await asyncio.sleep(0.3)

    with pytest.raises(Refused, match="pictures at once"):
        await other.take(key, 1, "another")


async def test_what_a_dead_process_began_is_doubtful(stores):
    """Once its time is over; from then on for everybody, and until then nobody takes it over."""
    dead, other = await stores(), shelf_of(await stores())
    await shelf_of(dead).begin(NAME, 60)
    dead._beats.cancel()

    found = await known(other)

    assert (found.status, found.kind) == (409, "doubtful")
    assert (await known(other)).kind == "doubtful"


async def test_a_process_that_only_stood_still_has_the_last_word(stores):
    """Its picture was bought: who asks again is given it."""
    still, other = await stores(), shelf_of(await stores())
    turn = (await (slow := shelf_of(still)).begin(NAME, 60)).turn
    still._beats.cancel()
    assert (await known(other)).kind == "doubtful"

    slow.settle(NAME, turn, answer(b"late"), 60)
    await slow.written()

    assert (await known(other)).images[0].data == b"late"


async def test_who_has_just_come_calls_nobody_dead(stores):
    """Nor who was cut off from the store: the others may have been, too."""
    gone, fresh = await stores(life=0.01), await stores(life=60.0)
    await shelf_of(gone).begin(NAME, 60)
    gone._beats.cancel()
    await asyncio.sleep(0.1)

    assert isinstance(await shelf_of(fresh).begin(NAME, 60), Elsewhere)


async def test_answers_are_bounded(stores):
    """In number, bytes and time; the oldest go first, with their pictures."""
    shelf = shelf_of(store := await stores(), most=2)
    names = [Name(caller="a", key=f"{number}", digest="d") for number in range(4)]
    for name in names:
        turn = (await shelf.begin(name, 60)).turn
        shelf.settle(name, turn, answer(b"x" * 10), 0.0 if name is names[3] else 60)
        await shelf.written()

    await store.transact(shelf._drop)

    async def pictures(query):
        return await query("SELECT name FROM pixroute_serve_picture ORDER BY name")

    assert [type(await shelf.look(name)) for name in names] == [Nothing, Known, Known, Nothing]
    assert [row["name"] for row in await store.transact(pictures)] == ["1", "2"]


async def test_problems_are_kept_as_they_are(stores):
    """With their cost."""
    one, two = shelf_of(await stores()), shelf_of(await stores())
    problem = GatewayProblem(status=400, message="No.", kind="moderated", cost=Cost(), request_id="r", param="prompt")
    turn = (await one.begin(NAME, 60)).turn

    one.settle(NAME, turn, problem, 60)

    assert await known(two) == problem


# Whole gateways


async def test_what_runs_in_one_is_waited_for_in_the_other(serve, gated, shared):
    """One purchase, one picture, for whichever of them is asked; and it is said that it was not made anew."""
    one, two = await serve(first := gated(), shared=shared), await serve(second := FakeProvider(), shared=shared)
    asking = asyncio.create_task(one.openai().images.generate(extra_headers=KEY, **BODY))
    await first.begun.wait()
    also = asyncio.create_task(two.openai().images.with_raw_response.generate(extra_headers=KEY, **BODY))
    asyncio.get_running_loop().call_later(0.2, first.let.set)

    answers = (await asking), (raw := await also).parse()

    assert answers[0].data[0].b64_json == answers[1].data[0].b64_json
    assert raw.headers["Idempotent-Replayed"] == "true"
    assert not second.calls
    with pytest.raises(openai.UnprocessableEntityError):
        await two.openai().images.generate(extra_headers=KEY, n=2, **BODY)


async def test_an_orphan_is_adopted_in_another_process(serve, gated, shared):
    """The client's retry comes by a new connection, and so to another process; it is taken once."""
    one, two = await serve(first := gated(), shared=shared), await serve(second := FakeProvider(), shared=shared)
    asking = asyncio.create_task(one.openai().images.generate(**BODY))
    await first.begun.wait()
    asking.cancel()
    await asyncio.sleep(0.2)
    again = asyncio.create_task(two.openai().images.generate(extra_headers=AGAIN, **BODY))
    await asyncio.sleep(0.2)
    first.let.set()

    assert (await again).data[0].b64_json
    assert not second.calls
    await asyncio.sleep(0.2)
    assert (await two.openai().images.generate(extra_headers=AGAIN, **BODY)).data[0].b64_json
    assert len(second.calls) == 1


async def test_a_free_failure_releases_the_key_everywhere(serve, shared):
    """The other process tries anew."""
    declining = FakeProvider(fail(FailureKind.INVALID, status=400))
    one, two = await serve(declining, shared=shared), await serve(second := FakeProvider(), shared=shared)

    async with one.post(PATH, BODY, headers=KEY) as refused:
        assert refused.status == 400
    async with two.post(PATH, BODY, headers=KEY) as made:
        assert made.status == 200

    assert len(second.calls) == 1


async def test_nothing_begins_that_cannot_be_written_down(serve, shared):
    """503, which may be asked again; requests without a key are served."""
    served = await serve(provider := FakeProvider(), shared=shared)

    async def away(work):
        raise StoreAway("It is away.")

    served.gateway.repeats.shelf.store.kept.transact = away
    async with served.post(PATH, BODY, headers=KEY) as refused, served.post(PATH, BODY) as made:
        told = (await refused.json())["error"]
        assert (refused.status, told["kind"], made.status) == (503, "store_away", 200)
        assert "x-should-retry" not in refused.headers

    assert len(provider.calls) == 1


# Keys


async def add(shared, **fields):
    """Add a key to the store; give its text."""
    text, key = mint("somebody", by="me", now=1.0, **fields)
    await change(shared, lambda keys: keys.update({key.prefix: key}))
    return text


async def change(shared, act):
    """Change the keys as `pixroute keys` does."""
    kept = kept_of(ServeSettings(), shared)
    try:
        await change_shared_keys(kept, act)
    finally:
        await kept.aclose()


async def test_a_revoked_key_is_dead_everywhere_within_two_seconds(serve, shared):
    """And one that is added is alive."""
    text = await add(shared)
    both = [await serve(shared=shared, shared_keys=True) for _ in range(2)]

    async def statuses(key):
        return [(await one.post(PATH, BODY, headers={"x-api-key": key})).status for one in both]

    assert await statuses(text) == [200, 200]
    await change(shared, lambda keys: revoke(keys, text[4:12], by="me", now=2.0))
    other = await add(shared)
    await asyncio.sleep(2.0)

    assert (await statuses(text), await statuses(other)) == ([401, 401], [200, 200])


async def test_requests_a_minute_are_counted_together(serve, shared):
    """Whichever process is asked."""
    text = await add(shared, per_minute=4)
    both = [await serve(shared=shared, shared_keys=True) for _ in range(2)]

    asked = [both[number % 2].post(PATH, BODY, headers={"x-api-key": text}) for number in range(6)]
    answers = [await one for one in asked]

    assert [one.status for one in answers] == [200] * 4 + [429] * 2
    assert answers[-1].headers["Retry-After"] == "15"


async def test_pictures_at_once_are_counted_together(serve, gated, shared):
    """And given back; a repeated request needs no place of its own."""
    text = await add(shared, at_once=2)
    slow, fast = gated(), FakeProvider()
    one, two = [await serve(each, shared=shared, shared_keys=True) for each in (slow, fast)]
    headers = {"x-api-key": text}
    first = asyncio.create_task(one.post(PATH, {**BODY, "n": 2}, headers={**headers, **KEY}).__aenter__())
    await slow.begun.wait()

    async with two.post(PATH, BODY, headers=headers) as refused:
        assert refused.status == 429
    again = asyncio.create_task(two.post(PATH, {**BODY, "n": 2}, headers={**headers, **KEY}).__aenter__())
    await asyncio.sleep(0.2)
    slow.let.set()
    assert ((await first).status, (await again).status) == (200, 200)
    await asyncio.sleep(0.3)
    async with two.post(PATH, {**BODY, "n": 2}, headers=headers) as made:
        assert made.status == 200


async def test_places_of_a_dead_process_are_free(serve, shared, stores):
    """Once its time is over."""
    text = await add(shared, at_once=1)
    served = await serve(shared=shared, shared_keys=True)
    dead = await stores(life=0.5)

    async def take(query):
        place = "INSERT INTO pixroute_serve_place VALUES (:caller, 'x', :owner, 1)"
        await query(place, caller=text[4:12], owner=dead.owner)

    await dead.transact(take)
    dead._beats.cancel()
    headers = {"x-api-key": text}

    async with served.post(PATH, BODY, headers=headers) as refused:
        assert refused.status == 429
    await asyncio.sleep(0.6)
    async with served.post(PATH, BODY, headers=headers) as made:
        assert made.status == 200


async def test_a_store_that_is_away_leaves_each_process_its_own_count(serve, shared):
    """Nobody is refused for it, and nobody asks without end."""
    text = await add(shared, per_minute=2, at_once=1)
    served = await serve(shared=shared, shared_keys=True)

    async def away(work):
        raise StoreAway("It is away.")

    served.gateway.limits.store.kept.transact = away
    statuses = [(await served.post(PATH, BODY, headers={"x-api-key": text})).status for _ in range(3)]

    assert statuses == [200, 200, 429]
