"""What `generate` is given wrongly is one sentence that names it, before anything is admitted or sent."""

from __future__ import annotations

import asyncio
import io
import mmap
import os
from collections.abc import Mapping
from datetime import date
from math import inf, nan
from pathlib import Path

import pytest

from pixroute import ImageRequest, Policy, Router, Size
from pixroute.latency import Latency, Quantiles
from pixroute.provider import ProviderSettings
from pixroute.references import load
from pixroute.request import Reference
from pixroute.testing import FakeProvider, fake_router
from pixroute.testing.fake import blank_png

HALF = "half \ud83d"
PNG = blank_png(8, 8)
BASE64 = "iVBORw0KGgo" * 500


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("prompt", (None, 5, b"x", "", " ", HALF, ["a"])),
        ("size", (4096, (1024, 1024), True, b"4K", "8K", "00x00", "10x99999", nan)),
        ("aspect_ratio", (1, 1.5, (16, 9), "wide", "0:1", HALF)),
        ("n", ("2", True, 0, 101, 1.5, nan, 10**500)),
        ("references", ("a.png", PNG, Path("a.png"), 5, {"a": 1}, io.BytesIO(PNG), Reference(data=PNG))),
        ("references[0]", ([5], [None], [""], [io.StringIO("x")], ["a\0b"], [[PNG]], [Path("/absent.png")], [b"x"])),
        ("output_format", ("bmp", "jpg", 5, HALF)),
        ("sensitive", ("yes", 1, 0.0)),
        ("tags", (5, ["a"], "a", {"a": 5}, {"a": None}, {5: "a"}, {"a": HALF}, {HALF: "a"})),
        ("extra", (5, "a", ["a"], {"one": 5}, {"one": {"a": nan}}, {"one": {"a": [{"b": HALF}]}}, {"one": {5: 1}})),
        ("extra", ({"one": {"a": object()}}, {"one": {"a": date(2026, 1, 1)}}, {"one": {"a": b"x"}}, {"oen": {}})),
        ("timeout", (nan, inf, -1, 0, "5", True, 10**400)),
        ("chain", (5, ["default"], "nope", HALF)),
        ("into", (5, "", b"x", "a\0b", HALF)),
        ("attempt_timeout", ("offfice", nan, 0, True, {"8K": 1}, {"4K": "x"}, [300])),
        ("hedge_after", ("no", 0, nan, True, None)),
        ("max_attempts", (0, -1, "5", True, 1.5, None)),
        ("max_possibly_billed", (0, nan)),
        ("max_cost", (nan, inf, -1, "a lot", True, [1])),
        ("on_moderated", ("Stop", "again", None, True)),
        ("upgrade", ("yes", True)),
        ("hedge_aftr", (1,)),
        ("refrences", ([PNG],)),
        ("colour", ("red",)),
    ],
)
async def test_b14_an_argument_that_makes_no_sense_is_one_sentence_that_names_it(name, values):
    """A word nobody knows acted as another, NaN as nothing, and the rest came out as AttributeError or TypeError."""
    async with fake_router(one := FakeProvider()) as router:
        for value in values:
            given = {"prompt": "a lighthouse", name.partition("[")[0]: value}
            with pytest.raises(ValueError, match=r"^[^\n]{1,300}$") as caught:
                await router.generate(given.pop("prompt"), **given)
            assert name in str(caught.value)
        assert [entry.in_flight for entry in router.health()] in ([], [0] * len(router.health()))

    assert one.calls == []


class Broken(str):
    """Text whose own code fails."""

    __slots__ = ()

    def __hash__(self):
        """Fail."""
        raise RuntimeError("hash")


class BrokenPath:
    """A path whose own code fails, or gives what is none."""

    def __init__(self, gives):
        self._gives = gives

    def __fspath__(self):
        """Fail, or give it."""
        if self._gives is None:
            raise RuntimeError("path")
        return self._gives


class BrokenTable(Mapping):
    """A table whose own code fails."""

    def __getitem__(self, name):
        """Fail."""
        raise RuntimeError("item")

    def __iter__(self):
        """Name one."""
        yield "one"

    def __len__(self):
        """Count it."""
        return 1


def broken_list():
    """Fail after one."""
    yield PNG
    raise RuntimeError("list")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("references", (broken_list(), BrokenTable())),
        ("references[0]", ([BrokenPath(None)], [BrokenPath(5)], [BrokenPath(b"a.png")], [Broken("")])),
        ("into", (BrokenPath(None), BrokenPath(5), BrokenPath(b"a.png"), "x" * 5000, f"{'x/' * 200}a.png")),
        ("tags", (BrokenTable(),)),
        ("extra", (BrokenTable(), {"one": BrokenTable()})),
        ("attempt_timeout", (BrokenTable(), Broken("offfice"))),
    ],
)
async def test_a_value_whose_own_code_fails_is_one_sentence_that_names_it(name, values):
    """What its class raised came out of `generate` as it was."""
    async with fake_router(one := FakeProvider()) as router:
        for value in values:
            with pytest.raises(ValueError, match=r"^[^\n]{1,300}$") as caught:
                await router.generate("a lighthouse", **{name.partition("[")[0]: value})
            assert name in str(caught.value)

    assert one.calls == []


@pytest.mark.parametrize("amount", [1.5, "1.5", 2])
async def test_b1_a_limit_of_money_that_is_no_decimal_keeps_no_slot(amount):
    """`max_cost=1.5` raised TypeError after the admission: slot and tokens were never given back."""
    one = FakeProvider(max_in_flight=1, price="0.5")
    async with fake_router(one) as router:
        for _ in range(3):
            await router.generate("a lighthouse", max_cost=amount)
        await asyncio.sleep(0.01)  # an attempt is settled a turn after its picture is given
        assert [entry.in_flight for entry in router.health() if entry.in_flight] == []

    assert len(one.calls) == 3


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, {"1K": 50, "2K": 300, "4K": 70}),
        ({"attempt_timeout": {"4K": 100}}, {"1K": 50, "2K": 300, "4K": 100}),
        ({"attempt_timeout": 90}, {"1K": 90, "2K": 90, "4K": 90}),
        ({"attempt_timeout": "home"}, {"1K": 600, "2K": 600, "4K": 600}),
    ],
)
async def test_b11_a_table_changes_only_the_resolutions_it_names(said, expected):
    """`{"4K": 100}` for one request took 1K from the provider's 50 back to the library's 300."""
    one = FakeProvider(attempt_timeout={"1K": 50})
    router = Router(providers={"one": one}, chains={"default": ["one"]}, policy=Policy(attempt_timeout={"4K": 70}))
    async with router:
        found = {
            size: router.explain(ImageRequest("a", size=size), **said).providers[0].timeout
            for size in ("1K", "2K", "4K")
        }

    assert found == expected


def test_b11_a_table_of_times_lies_over_the_providers_own():
    """What it leaves out is as the provider has it."""
    own = Latency(table={"1K": Quantiles(1, 2, 3), "4K": Quantiles(4, 5, 6)})
    settings = ProviderSettings(latency=Latency(table={"4K": Quantiles(7, 8, 9)}))

    assert settings.latency_over(own).table == {"1K": Quantiles(1, 2, 3), "4K": Quantiles(7, 8, 9)}
    assert ProviderSettings().latency_over(own) is own


async def test_newcomer_12_extra_for_a_provider_of_another_chain_is_told():
    """It was dropped in silence, and with it `quality="high"`."""
    providers = {"one": FakeProvider(), "two": FakeProvider()}
    async with Router(providers=providers, chains={"default": ["one"], "second": ["two"]}) as router:
        result = await router.generate("a", extra={"two": {"quality": "high"}, "one": {"seed": 5}})

    assert [str(adjustment) for adjustment in result.adjustments] == [
        "extra.two: asked its fields, delivered none of them (two is not in chain default)"
    ]


async def test_newcomer_12_nothing_stands_beside_a_whole_request():
    """It was ignored in silence."""
    async with fake_router(FakeProvider()) as router:
        with pytest.raises(ValueError, match=r"^n stands beside a whole ImageRequest"):
            await router.generate(ImageRequest("a"), n=2)
        with pytest.raises(ValueError, match="aspect_ratio stands beside a Size"):
            await router.generate("a", size=Size("4K"), aspect_ratio="1:1")


@pytest.mark.parametrize(
    "source",
    [
        *("https://pics.example/a.png", "HTTP://x", "s3://b/k", Path("https://pics.example/a.png")),
        *(f"data:image/png;base64,{BASE64}", f" data:,{BASE64}", BASE64, BASE64[:120], f"/9j/{BASE64[:80]}"),
        *("file:///a.png", "x" * 300),
    ],
)
def test_answers_21_a_url_is_no_path_and_is_not_repeated(source):
    """One slash was lost, and a data URI quoted at full length, base64 and all."""
    with pytest.raises(ValueError, match=r"^references\[1\] is .{0,90}$") as caught:
        ImageRequest("a", references=[PNG, source])

    assert "iVBOR" not in str(caught.value)
    assert "pics" not in str(caught.value)


def test_answers_21_bytes_of_every_kind_are_references(tmp_path):
    """And files opened for bytes, from where they stand."""
    path = tmp_path / "a.png"
    path.write_bytes(b"??" + PNG)
    opened = path.open("rb")
    opened.read(2)
    mapped = mmap.mmap(-1, len(PNG))
    mapped[:] = PNG

    with opened, mapped:
        request = ImageRequest(
            "a", references=[PNG, bytearray(PNG), memoryview(PNG), io.BytesIO(PNG), opened, mapped, path]
        )

    assert [reference.data for reference in request.references[:-1]] == [PNG] * 6
    assert request.references[-1].path == path


async def test_answers_21_a_file_that_is_awaited_is_named():
    """Web frameworks hand out such uploads."""

    class Upload:
        async def read(self, size=-1):
            return PNG

    with pytest.raises(ValueError, match=r"^references\[0\] is read with `await`; give its bytes$"):
        ImageRequest("a", references=[Upload()])


async def test_a_reference_that_never_ends_or_never_begins_is_refused(tmp_path):
    """`/dev/zero` was read until memory ran out, and a pipe without a writer hung for ever."""
    os.mkfifo(tmp_path / "pipe.png")
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(50_000_001)

    for path, why in (
        ("/dev/zero", "no regular file"),
        (tmp_path / "pipe.png", "no regular file"),
        (tmp_path, "be read"),
    ):
        with pytest.raises(ValueError, match=rf"{why}.*\(references\[0\]\)"):
            await load([Reference.of(path)])
    with pytest.raises(ValueError, match=r"large.png has more than 50 MB \(references\[1\]\)"):
        await load([Reference.of(PNG), Reference.of(tmp_path / "large.png")])


@pytest.mark.parametrize("field", ["prompt", "tags", "extra"])
def test_answers_20_half_a_surrogate_pair_is_refused_with_its_place(field):
    """It went to the upstream as an escape, and our emulator died of it."""
    given = {"prompt": {"prompt": HALF}, "tags": {"tags": {"a": HALF}}, "extra": {"extra": {"one": {"a": HALF}}}}[field]
    with pytest.raises(ValueError, match=rf"^{field}.* holds half a surrogate pair at character 6") as caught:
        ImageRequest(**{"prompt": "a", **given})

    assert "half \\" not in str(caught.value)
    str(caught.value).encode()


def test_a_chain_is_a_list_of_names():
    """A text was read letter by letter, and what was no text was left out in silence."""
    for chain in ("one", ["one", 5], 5, None):
        with pytest.raises(ValueError, match=r"^[^\n]{1,200}$"):
            Router(providers={"one": FakeProvider()}, chains={"default": chain})


def test_a_requests_own_changes_are_not_checked_again():
    """A request with a picture of 50 MB is cut into parts and sized without reading it once more."""
    request = ImageRequest("a", references=[PNG])

    assert request.altered(n=3) == ImageRequest("a", references=[PNG], n=3)
