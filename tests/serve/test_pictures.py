"""Pictures on their way out: by chunks, to slow readers, and as links."""

import asyncio
import base64
import gc
import json
from types import SimpleNamespace

import aiohttp
import pytest
from attrs import evolve

from pixroute.config.serve import ServeSettings
from pixroute.content import Content
from pixroute.errors import ConfigError
from pixroute.secret import Secret
from pixroute.serve import document
from pixroute.serve.document import CHUNK, Document, DocumentReader
from pixroute.serve.listen import store_of
from pixroute.testing import FakeProvider
from pixroute.testing.fake import blank_png
from pixroute.values import Mistake

PATH = "/v1/images/generations"
ASKED = {"prompt": "A lighthouse", "size": "64x64"}


@pytest.fixture
def folder(tmp_path):
    """Settings of a folder."""
    return {"store": tmp_path / "pictures", "signing_key": Secret("secret"), "url_lifetime": 100.0}


@pytest.fixture(params=["folder", "memory", "file"])
def stored(request, tmp_path):
    """Settings of a store of each kind."""
    common = {"signing_key": Secret("secret"), "url_lifetime": 100.0}
    if request.param == "folder":
        return {"store": tmp_path / "pictures", **common}
    pytest.importorskip("obstore")
    (tmp_path / "bucket").mkdir()
    return {"bucket": "memory:///" if request.param == "memory" else f"file://{tmp_path}/bucket", **common}


@pytest.mark.parametrize("size", [0, 1, 2, 3, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 2])
async def test_a_document_is_what_json_would_be(size):
    """Whatever the pictures' sizes; no chunk is larger than one of base64."""
    one, two = Content(bytes(range(256)) * (size // 256 + 1)), Content(b"x" * size)
    made = Document()
    tree = {"a": made.picture(two), "words": 'w"ords \u2028 \ud800', "b": [f"data:;base64,{made.picture(one)}"]}
    made.of(tree)

    chunks = [chunk async for chunk in made.chunks()]
    read = json.loads(b"".join(chunks))

    assert base64.b64decode(read["a"]) == two.data()
    assert base64.b64decode(read["b"][0].removeprefix("data:;base64,")) == one.data()
    assert read["words"] == tree["words"]
    assert sum(map(len, chunks)) == made.length
    assert max(map(len, chunks)) <= 4 * CHUNK // 3


async def test_a_slow_reader_s_pictures_leave_memory():
    """Below 64 KiB a second after 10 s; the file goes with the picture."""
    content = Content(b"x" * 200_000)
    reader = DocumentReader(pictures=[content], began=0.0)

    await reader.took(600_000, 9.9)
    await reader.took(100_000, 10.5)
    assert content.path is None
    await reader.took(1_000, 12.0)
    path = content.path

    assert (content.held, path.exists(), content.data()) == (0, True, b"x" * 200_000)
    assert await document.read(content, 199_990, 100) == b"x" * 10
    del content, reader
    for _ in range(100):  # the thread that read the file lets go of the picture when it is given other work, or soon
        gc.collect()
        if not path.exists():
            break
        await asyncio.sleep(0.01)
    assert not path.exists()


async def test_a_slow_reader_gets_everything(serve, monkeypatch):
    """The picture moves while it is being sent."""
    monkeypatch.setattr(document, "SLOW_AFTER", 0.0)
    monkeypatch.setattr(document, "SLOW", float("inf"))
    served = await serve()

    async with served.post(PATH, {"prompt": "a", "size": "4096x4096"}) as answer:
        read = json.loads(await answer.read())

    assert base64.b64decode(read["data"][0]["b64_json"]) == blank_png(4096, 4096)


async def test_a_link_leads_to_the_picture(serve, stored):
    """Of the type of its bytes, and nothing but a picture."""
    served = await serve(**stored)

    answer = await served.openai().images.generate(model="default", response_format="url", n=2, **ASKED)
    links = [one.url for one in answer.data]

    assert len(set(links)) == 2
    assert all(link.startswith(f"{served.url}/pictures/") for link in links)
    async with served.http.get(links[0]) as got:
        assert (got.status, got.content_type, await got.read()) == (200, "image/png", blank_png(64, 64))
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


async def test_a_link_is_made_of_public_url_and_never_of_the_host(serve, stored):
    """Whatever name the caller used."""
    served = await serve(public_url="https://pictures.example/gateway/", **stored)

    async with served.post(PATH, {**ASKED, "response_format": "url"}, headers={"Host": "localhost:1"}) as answer:
        link = (await answer.json())["data"][0]["url"]

    assert link.startswith("https://pictures.example/gateway/pictures/")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda link: link[:-1] + ("0" if link[-1] != "0" else "1"),
        lambda link: link.partition("?")[0],
        lambda link: link.replace("expires=", "expires=9"),
        lambda link: link.replace("expires=", "expires=%C2%B2"),
        lambda link: link.replace(".png", ".jpg"),
        lambda link: link.replace("/pictures/", "/pictures/..%2f"),
        lambda link: link.replace("/pictures/", "/pictures/%2e%2e/"),
        lambda link: link.replace("signature=", "signature=%00"),
    ],
)
async def test_any_other_link_leads_nowhere(serve, stored, spoil):
    """A foreign picture is as one that is not there."""
    served = await serve(**stored)
    answer = await served.openai().images.generate(model="default", response_format="url", **ASKED)

    async with served.http.get(spoil(answer.data[0].url)) as got:
        assert got.status == 404


async def test_links_expire_and_pictures_with_them(serve, folder):
    """A minute after the link, at the next picture."""
    served = await serve(**folder)
    store = served.gateway.store
    now = store.links.clock()
    answer = await served.openai().images.generate(model="default", response_format="url", **ASKED)

    store.links.clock = lambda: now + 102
    async with served.http.get(answer.data[0].url) as got:
        assert got.status == 404
    store.links.clock = lambda: now + 170
    await served.openai().images.generate(model="default", response_format="url", **ASKED)

    assert len(list(store.folder.iterdir())) == 1


async def test_without_a_store_links_are_refused(serve):
    """Before anything is bought."""
    served = await serve(provider := FakeProvider())

    async with served.post(PATH, {**ASKED, "response_format": "url"}) as answer:
        assert (answer.status, (await answer.json())["error"]["param"]) == (400, "response_format")

    assert not provider.calls


async def test_a_store_that_breaks_loses_no_picture(serve, folder):
    """It is given as base64."""
    served = await serve(**folder)
    folder["store"].write_text("in the way")

    async with served.post(PATH, {**ASKED, "response_format": "url"}) as answer:
        item = (await answer.json())["data"][0]

    assert base64.b64decode(item["b64_json"]) == blank_png(64, 64)


async def test_a_bucket_that_is_away_loses_no_picture(serve, unused_tcp_port, monkeypatch):
    """What is made is given as base64; what it has is told as being away, not as missing."""
    pytest.importorskip("obstore")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    served = await serve(bucket="s3://pictures", signing_key=Secret("secret"))
    link = served.gateway.store.links.link("a" * 32 + ".png")

    async with served.post(PATH, {**ASKED, "response_format": "url"}) as answer:
        item = (await answer.json())["data"][0]
    async with served.get(link) as got:
        assert (got.status, (await got.json())["error"]["kind"]) == (503, "store_away")

    assert base64.b64decode(item["b64_json"]) == blank_png(64, 64)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bucket": "ftp://pictures"}, "serve.bucket"),
        ({"bucket": "s3:///"}, "serve.bucket"),
    ],
)
def test_what_is_no_bucket_is_told(settings, words):
    """When the server starts."""
    pytest.importorskip("obstore")
    with pytest.raises(ConfigError, match=words):
        store_of(ServeSettings(signing_key=Secret("secret"), **settings))


@pytest.mark.parametrize(
    "fields", [{"bucket": "s3://a"}, {"bucket": "s3://a", "store": "b", "signing_key": Secret("x")}, {"bucket": "a"}]
)
def test_a_bucket_is_said_rightly(fields):
    """With a key that signs, and in one place alone."""
    with pytest.raises(Mistake):
        ServeSettings(**fields)


async def test_several_read_one_picture_at_once():
    """From a file, each at its own place."""
    content = Content(bytes(range(256)) * 1000)
    await DocumentReader(pictures=[content], began=0.0).took(1, 100.0)

    found = await asyncio.gather(*(document.read(content, at, 1) for at in range(256)))

    assert found == [bytes([at]) for at in range(256)]


@pytest.mark.parametrize("asked", [{}, {"stream": True}], ids=["plain", "stream"])
async def test_a_picture_leaves_memory_when_its_reader_takes_nothing(serve, monkeypatch, asked):
    """Of such a reader nobody hears; he was only looked at when he took something. At last he is given up."""
    served = await serve(FakeProvider())
    large = Content(bytes(16 << 20))
    router = served.gateway.router

    async def generate(*_, **__):
        made = await router.generate("A lighthouse", size="64x64")
        return evolve(made, images=(evolve(made.image, content=large),))

    monkeypatch.setattr(served.gateway, "router", SimpleNamespace(generate=generate, aclose=router.aclose))
    monkeypatch.setattr(document, "SLOW_AFTER", 0.02)
    async with served.post("/v1/images/generations", {"prompt": "A", **asked}) as answer:
        async with asyncio.timeout(5):
            while large.path is None:  # noqa: ASYNC110 - a thread moves it
                await asyncio.sleep(0.01)
        monkeypatch.setattr(document, "STUCK", 0.1)
        await asyncio.sleep(0.3)
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
