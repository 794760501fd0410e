"""`api = "auto"` of the Nano Banana types: the images route until it fails for what it is, then the native one."""

import asyncio

import pytest

from pixroute.outcome import FailureKind
from pixroute.policy import Policy
from pixroute.routing.router import Router
from pixroute.secret import Secret
from pixroute.testing.emulator import Emulator
from pixroute_nano_banana.provider import NanoBananaProHttpSettings, create

pytestmark = pytest.mark.slow  # sockets, and pictures that are drawn


@pytest.fixture
async def emulator():
    async with Emulator(time_scale=0) as running:
        yield running


@pytest.fixture
async def router(emulator):
    """Two ports of one account: the emulator's only one, twice."""
    settings = NanoBananaProHttpSettings(
        base_url=emulator.http_url, api_key=Secret("sk-emulated"), plaintext="accept", allow_private_results=True
    )
    providers = {name: create(name, settings) for name in ("one", "two")}
    async with Router(
        providers=providers, chains={"default": ["one", "two"], "other": ["two"]}, policy=Policy(max_possibly_billed=2)
    ) as running:
        yield running


def routes(emulator):
    return [call.route for call in emulator.requests if call.method == "POST"]


async def test_while_the_images_route_serves_it_is_asked(router, emulator):
    """As the vendor's guide has it."""
    for _ in range(3):
        await router.generate("A cat", size="4K")

    assert routes(emulator) == ["images"] * 3


async def test_one_smaller_picture_is_bought_and_the_same_provider_asked_natively(router, emulator, caplog):
    """From then on every port asks natively for that class, and nothing opens; another class is tried anew."""
    emulator.set_fault("images", "wrong-size")

    first = await router.generate("A cat", size="4K")
    second = await router.generate("A cat", size="4K", chain="other")
    await router.generate("A cat", size="1K", chain="other")

    assert [attempt.kind for attempt in first.attempts] == [FailureKind.UNDERSIZED, None]
    assert [attempt.provider for attempt in first.attempts] == ["one", "one"]
    assert [attempt.kind for attempt in second.attempts] == [None]
    assert routes(emulator) == ["images", "native", "native", "images", "native"]
    assert "open" not in {str(entry.state) for entry in router.health()}
    assert len([line for line in caplog.messages if "its first route" in line and "4K" in line]) == 1


async def test_a_refused_model_is_asked_for_natively(router, emulator):
    """It costs nothing, and nobody waits an hour."""
    emulator.set_fault("images", "model-gone")

    results = [await router.generate("A cat", size="2K") for _ in range(2)]

    assert [attempt.kind for attempt in results[0].attempts] == [FailureKind.MODEL_GONE, None]
    assert routes(emulator) == ["images", "native", "native"]


async def test_of_many_at_once_one_tries(router, emulator):
    """At most one smaller picture is bought for a class."""
    emulator.set_fault("images", "wrong-size")

    await asyncio.gather(*(router.generate("A cat", size="4K") for _ in range(8)))

    assert routes(emulator).count("images") == 1


def test_the_routes_share_one_upstream():
    """Whatever the port."""
    one = create("a", NanoBananaProHttpSettings(api_key=Secret("sk"), plaintext="accept"))
    two = create("b", NanoBananaProHttpSettings(api_key=Secret("sk"), plaintext="accept", base_url="https://b.example"))

    assert one.identity.upstream == two.identity.upstream
    assert "auto" not in one.identity.upstream
