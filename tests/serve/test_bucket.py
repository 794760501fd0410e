"""Pictures in a bucket that speaks S3: a real server, started by `nox -s buckets`, which says where it lies."""

import asyncio
import os
import socket
import subprocess

import aiohttp
import pytest

from pixroute.secret import Secret
from pixroute.testing.fake import blank_png

SERVER = os.environ.get("PIXROUTE_S3_SERVER")
pytestmark = [
    pytest.mark.skipif(SERVER is None, reason="needs a server that speaks S3: `nox -s buckets`"),
    pytest.mark.slow,  # starts a server
]
PATH = "/v1/images/generations"
ASKED = {"prompt": "A lighthouse", "size": "4096x4096", "response_format": "url"}


@pytest.fixture
async def bucket(monkeypatch):
    """A bucket, and what the environment says of it; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        SERVER, "-H", "127.0.0.1", "-p", str(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    said = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
    }
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    async with aiohttp.ClientSession() as http:
        for _ in range(300):
            try:
                async with http.put(f"{url}/pictures") as made:
                    assert made.status == 200
                    break
            except OSError:
                await asyncio.sleep(0.1)
        yield url
    process.kill()
    await process.wait()


async def test_a_picture_goes_through_a_bucket(serve, bucket):
    """It is put by one server and given by the other, byte for byte, of its type."""
    settings = {"bucket": "s3://pictures/made", "signing_key": Secret("secret")}
    one, two = await serve(**settings), await serve(**settings)

    async with one.post(PATH, ASKED) as answer:
        link = (await answer.json())["data"][0]["url"]
    async with two.get(link.removeprefix(one.url)) as got:
        assert (got.status, got.content_type) == (200, "image/png")
        assert await got.read() == blank_png(4096, 4096)
        assert got.headers["X-Content-Type-Options"] == "nosniff"
    async with two.http.get(f"{bucket}/pictures?list-type=2&prefix=made/") as listed:
        assert (await listed.text()).count("<Key>made/") == 1


async def test_what_the_bucket_has_not_is_not_there(serve, bucket):
    """However well its link is signed."""
    served = await serve(bucket="s3://pictures", signing_key=Secret("secret"))

    async with served.get(served.gateway.store.links.link("a" * 32 + ".png")) as got:
        assert got.status == 404
