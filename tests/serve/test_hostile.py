"""Callers that mean harm: nothing is served that should not be, and nothing is lost for others.

More stand beside what they try: trickled heads in test_life.py, slow bodies and odd requests in test_routes.py, pages
and rebound names in test_keyless.py, references into the network in test_fetching.py, links in test_pictures.py.
"""

import asyncio
import re
import resource
import socket
import sys
import tracemalloc

import aiohttp
import pytest

from pixroute.config.serve import NEVER_EXTRA
from pixroute.serve.keys import changing, mint
from pixroute.testing import FakeProvider

PATH = "/v1/images/generations"
ASKED = {"prompt": "A lighthouse", "size": "64x64"}
GIB = 1 << 30
IDLE = 10_000
COMMAND = "import sys; from pixroute.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("is_told", [True, False], ids=["length told", "length untold"])
async def test_a_gigabyte_is_neither_read_nor_held(serve, is_told):
    """It is refused at once where its length is told, else at the limit; others have their pictures meanwhile."""
    served = await serve(max_body=1 << 20)
    host, port = served.url.removeprefix("http://").split(":")
    length = f"Content-Length: {GIB}" if is_told else "Transfer-Encoding: chunked"
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
    reader, writer = await asyncio.open_connection(host, int(port))
    piece, sent = b" " * 65_536, 0
    tracemalloc.start()
    writer.write(head.encode())

    async def send():
        nonlocal sent
        while sent < GIB:
            writer.write(piece if is_told else b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            sent += len(piece)

    sending = asyncio.create_task(send())
    answer = await asyncio.wait_for(reader.read(4096), 10)
    async with served.post(PATH, ASKED) as other:
        assert other.status == 200
    ended, _ = await asyncio.wait([sending], timeout=3.0)
    sending.cancel()
    writer.close()
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert ended, "nobody reads on"
    assert isinstance(sending.exception(), ConnectionError)
    assert held < 16 << 20


@pytest.mark.slow  # asks three thousand times
async def test_wrong_keys_at_speed_open_nothing_and_leave_nothing(serve, tmp_path):
    """Each is refused, a good one served beside them, and nothing is kept of those that are none."""
    text, key = mint("somebody", by="me", now=1.0, per_minute=100)
    with changing(tmp_path / "keys.json") as keys:
        keys[key.prefix] = key
    served = await serve(provider := FakeProvider(), keys=tmp_path / "keys.json")
    wrong = [mint("nobody", by="me", now=1.0)[0] for _ in range(50)]
    wrong += [text[:13] + other[13:] for other in wrong]  # of a prefix that there is
    statuses = []

    async def guess(number):
        for at in range(30):
            headers = {"x-api-key": wrong[(number + at) % len(wrong)]}
            async with served.post(PATH, ASKED, headers=headers) as answer:
                statuses.append(answer.status)

    guessing = [asyncio.create_task(guess(number)) for number in range(100)]
    async with served.post(PATH, ASKED, headers={"x-api-key": text}) as made:
        assert made.status == 200
    await asyncio.gather(*guessing)

    assert (len(statuses), set(statuses)) == (3000, {401})
    assert len(provider.calls) == 1
    assert set(served.gateway.limits._accounts) == {key.prefix}


@pytest.mark.parametrize("spell", [str, str.upper, str.title, lambda name: name.replace("_", "-")])
async def test_no_field_is_smuggled(serve, spell):
    """None of what is about number, size, model, money, URLs or safety goes on, however it is spelt."""
    served = await serve(provider := FakeProvider())
    # listed by a configuration that let them through: the door must hold by itself
    names = sorted(
        {spell(name) for name in NEVER_EXTRA} - {"n", "prompt", "size", "model", "stream", "images", "image"}
    )
    object.__setattr__(served.gateway.settings, "extra", tuple(names))
    ours = {"mask", "image_url", "image_urls", "resolution", "aspect_ratio", "response_format"}
    body = {name: 7 for name in names if name not in ours}

    async with served.post(PATH, {**ASKED, **body}) as answer:
        told = await answer.json()

    assert answer.status == 200, told
    assert not any(provider.calls[0].request.extra.values())
    assert len(told["pixroute"]["notes"]) == len(body)


@pytest.mark.parametrize(
    "name", ["Webhook_URL", "result-url", "image_urls[]", "safety_level", "MODERATION", "imageUrl", "numImages"]
)
async def test_names_that_are_alike_are_smuggled_no_more(serve, name):
    """A word in a name is enough."""
    served = await serve(provider := FakeProvider())
    object.__setattr__(served.gateway.settings, "extra", (name,))

    async with served.post(PATH, {**ASKED, name: "x"}) as answer:
        assert answer.status == 200

    assert not any(provider.calls[0].request.extra.values())


@pytest.mark.slow  # opens ten thousand connections to another process
async def test_ten_thousand_idle_connections_harm_nobody(tmp_path):
    """They say nothing; a picture is made all the same, and they are closed after a while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < IDLE + 1000:
        pytest.skip("this machine lets a process have too few connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, IDLE + 1000), hard))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, "serve", "--emulated", "--port", "0", "--time-scale", "0.005",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    idle = []
    try:
        found = None
        while found is None:
            line = (await process.stdout.readline()).decode()
            assert line, "it did not start"
            found = re.search(r"Listening: http://(\S+):(\d+)/v1", line)
        place = found[1], int(found[2])
        for _ in range(IDLE):
            idle.append(sock := socket.socket())
            sock.settimeout(0)
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, place), 30)

        url = f"http://{place[0]}:{place[1]}{PATH}"
        async with aiohttp.ClientSession() as http, http.post(url, json=ASKED) as answer:
            told = await answer.json()
            assert (answer.status, "data" in told) == (200, True), told
    finally:
        for sock in idle:
            sock.close()
        process.kill()
        await process.wait()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
