"""The last steps of a picture: the format asked for, the file asked for; whatever fails here is an adjustment."""

import asyncio
import os
import shutil
import threading
from functools import partial

import pytest

from pixroute import ImageRequest, RequestFailed
from pixroute.content import Content
from pixroute.http.wire.memory import Memory
from pixroute.outcome import Delivered, Success
from pixroute.result import Image
from pixroute.routing.deliver import Delivery
from pixroute.testing import Act, FakeProvider, fake_router
from pixroute.testing.fake import blank_png


def spooled(path, side=64):
    """Deliver a picture that is in a file already, as one written by `into=` comes."""
    path.write_bytes(blank_png(side, side))
    content = Content(path.open("rb"))
    return Act(outcome=Success(pictures=(Delivered(content=content),)))


async def test_another_format_is_converted_and_told():
    """The provider delivered a PNG."""
    async with fake_router(FakeProvider()) as router:
        result = await router.generate("a lighthouse", output_format="jpeg")

    assert (result.image.format, result.image.data[:2]) == ("jpeg", b"\xff\xd8")
    assert [str(each) for each in result.adjustments] == [
        "output_format: asked jpeg, delivered jpeg (converted from the png that fake-1 delivered)"
    ]


async def test_the_same_format_is_left_alone():
    """And nothing is told."""
    async with fake_router(FakeProvider()) as router:
        result = await router.generate("a lighthouse", output_format="png")

    assert (result.image.format, result.adjustments) == ("png", ())


async def test_a_picture_converted_into_a_file(tmp_path):
    """Under the suffix that is true then."""
    async with fake_router(FakeProvider()) as router:
        result = await router.generate("a lighthouse", output_format="webp", into=tmp_path / "lighthouse.png")

    assert result.image.path == tmp_path / "lighthouse.webp"
    assert [path.name for path in tmp_path.iterdir()] == ["lighthouse.webp"]


async def test_a_picture_that_came_into_a_file_is_renamed_not_copied(tmp_path):
    """No temporary file is left."""
    async with fake_router(FakeProvider(spooled(tmp_path / "arriving"))) as router:
        result = await router.generate("a lighthouse", into=tmp_path / "lighthouse")

    assert result.image.path == tmp_path / "lighthouse.png"
    assert [path.name for path in tmp_path.iterdir()] == ["lighthouse.png"]


async def test_a_picture_kept_beside_the_winner_leaves_no_file(tmp_path):
    """Nobody gave it a name: its bytes are handed over."""
    undersized, good = FakeProvider(spooled(tmp_path / "arriving")), FakeProvider()
    async with fake_router(undersized, good) as router:
        result = await router.generate("a lighthouse", size="4K")

    (extra,) = result.extra
    assert (extra.width, extra.content.path, extra.data) == (64, None, blank_png(64, 64))
    assert list(tmp_path.iterdir()) == []


async def test_a_picture_of_a_failed_request_leaves_no_file_either(tmp_path):
    """It was paid for and not accepted."""
    async with fake_router(FakeProvider(spooled(tmp_path / "arriving"))) as router:
        with pytest.raises(RequestFailed) as caught:
            await router.generate("a lighthouse", size="4K")

    (image,) = caught.value.images
    assert image.content.path is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("into", "says"),
    [
        ("none/x.png", "there is no folder"),
        ("none/deeper/x.png", "there is no folder"),
        ("folder", "it is a folder; name a file"),
        ("folder/", "it is a folder; name a file"),
        ("a", "a.webp is a folder; name a file"),
        ("file/x.png", "there is no folder"),
        ("x" * 256, "more than 255 bytes"),
        ("x" * 252, "more than 255 bytes"),
        ("é" * 126, "more than 255 bytes"),
    ],
)
async def test_a_place_that_cannot_be_is_told_before_anything_is_bought(tmp_path, monkeypatch, into, says):
    """`into=` is named, no provider is asked, and nothing is written."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.webp").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    provider = FakeProvider()
    async with fake_router(provider) as router:
        with pytest.raises(ValueError, match=r"^into=.*" + says):
            await router.generate("a lighthouse", into=into)

    assert provider.calls == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_may_not_be_written_to(tmp_path):
    """As one that is not there."""
    tmp_path.chmod(0o500)
    async with fake_router(FakeProvider()) as router:
        with pytest.raises(ValueError, match="cannot be written to"):
            await router.generate("a lighthouse", into=tmp_path / "x")


@pytest.mark.parametrize("name", ["x" * 251, "x" * 251 + ".png", "é" * 125 + ".png"])
async def test_the_longest_names_are_written(tmp_path, name):
    """What stands beside it while it is written has a short name of its own."""
    async with fake_router(FakeProvider()) as router:
        result = await router.generate("a lighthouse", into=tmp_path / name)

    assert result.image.path.name == name.removesuffix(".png") + ".png"
    assert [path.name for path in tmp_path.iterdir()] == [result.image.path.name]
    assert await result.image.save(tmp_path / name) == result.image.path


async def vanish(act, folder):
    """Take the folder away, or put another in the way, between the look and the picture."""
    await asyncio.sleep(0)
    if act == "gone":
        shutil.rmtree(folder)
    else:
        (folder / "x.png").mkdir()


@pytest.mark.parametrize("act", ["gone", "in the way"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_place_that_is_lost_after_paying_costs_no_picture(tmp_path, act, streamed):
    """It goes on in memory, once bought, and that is told; no file is left."""
    folder = tmp_path / "folder"
    folder.mkdir()
    provider = FakeProvider(spooled(folder / "arriving")) if streamed else FakeProvider()
    async with fake_router(provider, other := FakeProvider()) as router:
        request = asyncio.create_task(router.generate("a lighthouse", into=folder / "x.png"))
        await vanish(act, folder)
        result = await request

    assert (result.image.path, result.image.content.path) == (None, None)
    assert result.image.data.startswith(b"\x89PNG")
    assert [each.what for each in result.adjustments] == ["into"]
    assert (len(provider.calls), other.calls) == (1, [])
    assert not folder.exists() or [path.name for path in folder.iterdir()] == ["x.png"]


async def test_a_request_cancelled_between_arrival_and_delivery_leaves_no_file(tmp_path, monkeypatch):
    """The picture is converted in a thread at that moment."""
    begun, goes_on = threading.Event(), threading.Event()

    class Slow(FakeProvider):
        async def aclose(self):
            goes_on.set()

    content = spooled(tmp_path / "arriving").outcome.pictures[0].content
    seen = content.open

    def slow():
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            goes_on.wait(5)
        return seen()

    content.open = slow
    act = Act(outcome=Success(pictures=(Delivered(content=content),)))
    async with fake_router(Slow(act)) as router:
        request = asyncio.create_task(router.generate("a lighthouse", into=tmp_path / "x.png", output_format="webp"))
        assert await asyncio.to_thread(begun.wait, 5)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

        assert list(tmp_path.iterdir()) == []


async def test_two_pictures_are_converted_at_a_time():
    """Each holds its pixels of the memory that bodies share; who was cancelled holds them until the thread ends."""
    memory, running, most, goes_on = Memory(), [], [], threading.Event()

    class Watched(Content):
        def open(self):
            running.append(self)
            most.append((len(running), memory.held))
            goes_on.wait(5)
            view = super().open()
            running.remove(self)
            return view

    delivery = Delivery(memory)
    request = ImageRequest("a lighthouse", output_format="jpeg")
    image = partial(Image, format="png", width=64, height=64, provider="fake")
    tasks = []
    async with fake_router(FakeProvider()) as router:
        result = await router.generate("a lighthouse")
        for _ in range(6):
            one = result.__class__(
                images=(image(content=Watched(blank_png(64, 64))),), cost=result.cost, record=result.record
            )
            tasks.append(asyncio.create_task(delivery.deliver(one, request, None)))
        while len(running) < 2:  # noqa: ASYNC110 - threads tell no loop
            await asyncio.sleep(0.001)
        tasks[0].cancel()
        await asyncio.sleep(0.02)
        assert len(running) == 2
        goes_on.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)

    assert [getattr(each, "image", image(content=None)).format for each in done] == ["png"] + ["jpeg"] * 5
    assert max(most) <= (2, 2 * 64 * 64 * 4)
    for _ in range(500):  # the thread of who was cancelled gives back what it held when it ends
        if not memory.held:
            break
        await asyncio.sleep(0.001)
    assert memory.held == 0


async def test_a_picture_that_cannot_be_converted_stays(tmp_path):
    """Whatever the library raises over it."""
    broken = bytearray(blank_png(64, 64))
    broken[45:60] = bytes(15)
    act = Act(outcome=Success(pictures=(Delivered(content=Content(bytes(broken))),)))
    async with fake_router(FakeProvider(act)) as router:
        result = await router.generate("a lighthouse", output_format="jpeg", into=tmp_path / "x")

    assert (result.image.path.name, result.image.data) == ("x.png", bytes(broken))
    assert "cannot be converted" in str(result.adjustments[0])


async def test_more_pictures_than_asked_are_no_money():
    """The first are delivered; the rest is told, and n pictures are paid."""
    pictures = tuple(Delivered(content=Content(blank_png(side, side))) for side in (64, 65, 66))
    async with fake_router(FakeProvider(Act(outcome=Success(pictures=pictures, surplus=4)))) as router:
        result = await router.generate("a lighthouse")

    assert [image.width for image in result.images] == [64]
    assert str(result.cost) == "$0.04 certain"
    assert [str(each) for each in result.adjustments] == ["n: asked 1, delivered 1 (the answer held 7)"]


async def test_a_picture_in_place_of_one_that_failed():
    """Nothing is missing: that there was one more is told."""
    pictures = tuple(Delivered(content=Content(data)) for data in (b"rubbish", blank_png(64, 64)))
    async with fake_router(FakeProvider(Act(outcome=Success(pictures=pictures)))) as router:
        result = await router.generate("a lighthouse")

    assert (len(result.images), result.missing, str(result.cost)) == (1, (), "$0.04 certain")
    assert "of which 1 could not be taken" in str(result.adjustments[0])


async def test_a_picture_that_comes_to_nobody_leaves_no_file(tmp_path):
    """Its provider swallowed the cancellation, and delivered after the end."""
    ended = asyncio.Event()

    class Late(FakeProvider):
        async def generate(self, request, attempt):
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                await asyncio.sleep(0.01)
            ended.set()
            return spooled(tmp_path / "arriving").outcome

    async with fake_router(Late()) as router:
        request = asyncio.create_task(router.generate("a lighthouse", into=tmp_path / "x.png"))
        await asyncio.sleep(0.01)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await ended.wait()

    assert list(tmp_path.iterdir()) == []


async def test_a_conversion_does_not_outlast_the_deadline():
    """The picture is delivered as it came, and that is told."""
    goes_on = threading.Event()

    class Slow(Content):
        def open(self):
            if threading.current_thread() is not threading.main_thread():
                goes_on.wait(5)
            return super().open()

    act = Act(outcome=Success(pictures=(Delivered(content=Slow(blank_png(64, 64))),)))
    began = asyncio.get_running_loop().time()
    async with fake_router(FakeProvider(act, latency=(0.01, 0.02, 0.03))) as router:
        result = await router.generate("a lighthouse", output_format="jpeg", timeout=0.05)
        seconds = asyncio.get_running_loop().time() - began
        goes_on.set()

    assert (result.image.format, result.image.data) == ("png", blank_png(64, 64))
    assert seconds < 0.05 + 0.25
    assert "no time left to convert" in str(result.adjustments[0])
