"""Reference pictures by URL: from public addresses over https alone."""

import ssl

import pytest
import trustme
from aiohttp import web

from pixroute.serve.fetching import Fetcher
from pixroute.serve.problem import Refused
from pixroute.testing import FakeProvider
from pixroute.testing.fake import blank_png

PATH = "/v1/images/edits"
PICTURE = blank_png(16, 16)


@pytest.fixture
async def shelf(tmp_path):
    """A server of pictures over TLS; gives its URL and whom to trust."""

    async def give(request):
        name = request.match_info["name"]
        if name == "elsewhere":
            raise web.HTTPFound(request.query.get("to", "/elsewhere"))
        return web.Response(body=PICTURE if name == "a.png" else b"x" * 50_000_001)

    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    app = web.Application()
    app.router.add_get("/{name}", give)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    yield f"https://localhost:{site._server.sockets[0].getsockname()[1]}", tmp_path / "ca.pem"
    await runner.cleanup()


@pytest.fixture
async def fetcher(shelf):
    """One that reaches this machine."""
    fetcher = Fetcher(reach="any", context=ssl.create_default_context(cafile=shelf[1]))
    yield fetcher
    await fetcher.aclose()


async def test_pictures_are_fetched_in_order(fetcher, shelf):
    """One redirect is followed."""
    found = await fetcher.fetch([f"{shelf[0]}/a.png", f"{shelf[0]}/elsewhere?to=/a.png"])

    assert [one.data for one in found] == [PICTURE] * 2


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/big.png", "has more than"),
        ("/elsewhere?to=/elsewhere", "redirected twice"),
        ("/elsewhere?to=http://localhost/", "no https"),
        ("/no/such", "could not be fetched"),
    ],
)
async def test_what_cannot_be_had_is_told(fetcher, shelf, path, why):
    """By its place, not by what answered."""
    with pytest.raises(Refused, match=f"URL 2 .*{why}"):
        await fetcher.fetch([f"{shelf[0]}/a.png", shelf[0] + path])


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost:{port}/a.png",
        "https://127.0.0.1:{port}/a.png",
        "https://[::1]/a.png",
        "https://[::ffff:127.0.0.1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "https://0.0.0.0/",
        "https://[fe80::1]/",
        "http://example.org/a.png",
        "https://user:password@example.org/a.png",
        "https://example.org\\@127.0.0.1/",
        "https:///a.png",
        "https://example.org:0/",
    ],
)
async def test_nobody_s_network_is_reached(serve, shelf, url):
    """A name, a literal, an odd spelling: nothing of this machine or its neighbours answers, or is told apart."""
    served = await serve(provider := FakeProvider(), reference_urls="public")
    port = shelf[0].rpartition(":")[2]

    async with served.post(PATH, {"prompt": "a", "images": [{"image_url": url.format(port=port)}]}) as answer:
        error = (await answer.json())["error"]

    assert (answer.status, error["param"]) == (400, "image")
    assert not provider.calls


async def test_a_redirect_into_the_network_is_refused(shelf):
    """The second address is judged as the first."""
    fetcher = Fetcher(context=ssl.create_default_context(cafile=shelf[1]))
    with pytest.raises(Refused, match="could not be fetched"):
        await fetcher.fetch([f"{shelf[0]}/elsewhere?to=/a.png"])
    await fetcher.aclose()


async def test_a_fetched_picture_is_a_reference(serve, fetcher, shelf):
    """Beside those that are given, in their order."""
    served = await serve(provider := FakeProvider(), reference_urls="public")
    served.gateway.fetcher = fetcher

    async with served.post(PATH, {"prompt": "a", "image_url": f"{shelf[0]}/a.png"}) as answer:
        assert answer.status == 200

    assert [one.data for one in provider.calls[0].request.references] == [PICTURE]


async def test_pages_that_are_listed_may_ask(serve):
    """Others are not let in, and are told nothing."""
    served = await serve(origins=("https://app.example",))
    headers = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}

    async with served.http.options(f"{served.url}/v1/images/generations", headers=headers) as before:
        assert (before.status, before.headers["Access-Control-Allow-Methods"]) == (204, "GET, POST")
    async with served.post("/v1/images/generations", {"prompt": "a", "size": "64x64"}, headers=headers) as answer:
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "https://app.example")
    async with served.http.options(f"{served.url}/v1/models", headers={"Origin": "https://other.example"}) as other:
        assert (other.status, "Access-Control-Allow-Origin" in other.headers) == (403, False)
