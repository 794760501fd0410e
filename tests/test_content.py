"""The bytes of one picture: one owner, in memory or in a file, whole or not at all."""

import asyncio
import errno
import gc
import io
import shutil
import threading

import pytest

from pixroute.content import Content, Owner, spare_file, to_the_end, write_beside

DATA = bytes(range(256)) * 1000


class Full(io.FileIO):
    """A file on a disk with room for so many bytes; the last write that fits is a short one."""

    room = 100_000

    def write(self, data):
        """Take what fits."""
        fits = min(len(data), self.room - self.tell())
        if fits <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data[:fits])


def in_pieces(content):
    """Write it as it comes."""
    for start in range(0, len(DATA), 4097):
        content.write(DATA[start : start + 4097])
    content.truncate()
    return content


def test_a_disk_that_fills_while_a_picture_comes_costs_no_byte(tmp_path):
    """It goes on in memory, and the file is gone."""
    content = in_pieces(Content(Full(tmp_path / "x.part", "x+b"), size=0))

    assert (content.path, content.data(), content.size, content.held) == (None, DATA, len(DATA), len(DATA))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_vanishes_while_a_picture_comes_costs_no_byte(tmp_path):
    """What was written is still there for whoever holds it open."""
    folder = tmp_path / "folder"
    folder.mkdir()
    content = in_pieces(Content.beside(folder / "x.png"))
    shutil.rmtree(folder)

    with pytest.raises(FileNotFoundError):
        content.move(folder / "x.png")
    with content.open() as source:
        assert source.read() == DATA
    content.fall_back()

    assert (content.path, content.data()) == (None, DATA)


def test_where_no_file_can_be_opened_it_comes_into_memory(tmp_path):
    """The folder is not there any more."""
    content = in_pieces(Content.beside(tmp_path / "gone" / "x.png"))

    assert (content.path, content.data()) == (None, DATA)


def test_what_is_begun_anew_holds_nothing_of_before(tmp_path):
    """Shorter than before, in a file and in memory."""
    for content in (Content.beside(tmp_path / "x"), Content(io.BytesIO(), size=0)):
        in_pieces(content).begin_anew()
        content.write(b"short")
        content.truncate()

        assert (content.data(), content.size) == (b"short", 5)
        content.discard()


def test_a_picture_moved_is_its_file(tmp_path):
    """It replaces what was there, and reads from there."""
    (tmp_path / "x.png").write_bytes(b"old")
    content = in_pieces(Content.beside(tmp_path / "x.png"))

    content.move(tmp_path / "x.png")

    assert (content.path, content.data()) == (tmp_path / "x.png", DATA)
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_given_bytes_are_not_copied_and_not_taken_away():
    """They are their giver's."""
    content = Content(DATA)

    content.discard()

    assert content.data() is DATA


def test_a_file_that_nobody_closed_is_no_leak(tmp_path):
    """Its last owner forgot it: the descriptor goes, without a warning."""
    in_pieces(Content.beside(tmp_path / "x"))

    gc.collect()


def test_an_owner_discards_what_was_not_given_away(tmp_path):
    """Also what comes after the end, as of an attempt that ended late."""
    owner = Owner()
    kept, dropped, late = (in_pieces(Content.beside(tmp_path / "x")) for _ in range(3))
    for content in (kept, dropped):
        owner.take(content)

    owner.give(kept)
    owner.close()
    owner.take(late)

    assert list(tmp_path.iterdir()) == [kept.path]
    kept.discard()


async def test_two_writers_of_one_name_each_leave_a_whole_picture(tmp_path):
    """Whoever reads meanwhile sees one of them, and nobody fails."""
    target, pictures = tmp_path / "x.png", [Content(bytes([number]) * 3_000_000) for number in range(4)]
    target.write_bytes(pictures[0].data())
    seen = set()

    async def read():
        while True:
            seen.add(await asyncio.to_thread(target.read_bytes))

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write_beside(target, each) for each in pictures * 5))
    reading.cancel()

    assert seen <= {each.data() for each in pictures}
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


async def test_a_save_that_is_cancelled_leaves_the_old_file(tmp_path):
    """The thread gives up at its next piece, and takes its partial file along."""
    (tmp_path / "x.png").write_bytes(b"old")
    begun, goes_on = threading.Event(), threading.Event()

    class Slow(Content):
        def open(self):
            begun.set()
            goes_on.wait(5)
            return super().open()

    saving = asyncio.create_task(write_beside(tmp_path / "x.png", Slow(DATA)))
    await asyncio.to_thread(begun.wait, 5)
    saving.cancel()
    asyncio.get_running_loop().call_later(0.01, goes_on.set)
    with pytest.raises(asyncio.CancelledError):
        await saving

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.png", b"old")]


def test_a_spare_file_takes_nobodys_place(tmp_path, monkeypatch):
    """It has the name asked for if that is free and short enough."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    assert spare_file(tmp_path / "gone" / "x.png") == tmp_path / "x.png"
    (tmp_path / "x.png").touch()
    assert spare_file(tmp_path / "gone" / "x.png") != tmp_path / "x.png"
    assert len(spare_file(tmp_path / ("é" * 130 + ".png")).name.encode()) < 220


async def test_what_must_not_stop_halfway_ends_before_its_cancellation_passes():
    """The first is heard after the work, also where that fails; a second one does not wait."""
    goes_on, done = asyncio.Event(), []

    async def work():
        await goes_on.wait()
        done.append(True)
        raise OSError

    task = asyncio.ensure_future(to_the_end(work()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [True]

    async def endless():
        await asyncio.Event().wait()

    task = asyncio.ensure_future(to_the_end(endless()))
    for _ in range(2):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for left in asyncio.all_tasks() - {asyncio.current_task()}:
        left.cancel()
