"""Groups as the command line tells of them."""

import asyncio
import json
import threading
from concurrent.futures import Future

import pytest

from pixroute.testing.emulator import Emulator

FILE = """
[chains]
default = [{{ any = ["key-a", "key-b"], spread = {{ key-a = 3, key-b = 1 }} }}, "far"]
[providers.key-a]
type = "stability"
base_url = "{url}/v2beta"
plaintext = "accept"
api_key = {{ env = "A" }}
[providers.key-b]
type = "stability"
base_url = "{url}/v2beta"
plaintext = "accept"
api_key = {{ env = "B" }}
[providers.far]
type = "xai"
base_url = "{url}/v1"
plaintext = "accept"
api_key = {{ env = "C" }}
"""


@pytest.fixture
def address(folder, monkeypatch):
    """Play the upstreams in a thread of their own; write the file that asks there."""
    for name in "ABC":
        monkeypatch.setenv(name, f"sk-emulated-{name}")
    opened: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, str]] = Future()

    async def serve():
        over = asyncio.Event()
        async with Emulator(time_scale=0) as emulator:
            opened.set_result((asyncio.get_running_loop(), over, emulator.http_url))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    loop, over, url = opened.result(30)
    (folder / "pixroute.toml").write_text(FILE.format(url=url))
    yield
    loop.call_soon_threadsafe(over.set)
    thread.join()


SENTENCE = "key-a comes first of key-a, key-b: in turn, 3 of 4."


def test_explain_says_who_is_next(pixroute, address):
    run_ = pixroute("explain", "--size", "1K")

    assert f"\n{SENTENCE}\nChain default: first start key-a.\n" in run_.out


@pytest.mark.slow  # sockets, and a picture that is drawn
def test_generate_says_who_came_first_and_why(pixroute, address):
    told = pixroute("generate", "a lighthouse", "--size", "1K", "-o", "one.png")
    as_json = pixroute("generate", "a lighthouse", "--size", "1K", "-o", "two.png", "--json")

    assert told.code == as_json.code == 0
    assert SENTENCE in told.out
    (drawn,) = json.loads(as_json.out)["record"]["drawn"]
    assert drawn == {"part": 0, "order": ["key-a", "key-b"], "why": "in turn, 3 of 4", "kept": {}}


def test_check_tells_what_a_group_shares(pixroute, address, folder):
    """Its rules are among those of `check`."""
    path = folder / "pixroute.toml"
    path.write_text(path.read_text().replace('env = "B"', 'env = "A"'))

    assert "key-a and key-b of a group are one account at one place: nothing is shared" in " ".join(
        pixroute("check").out.split()
    )
