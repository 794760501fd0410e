"""A folder to work in, and an emulator that whatever configuration stands there asks."""

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixroute.testing.emulator import Emulator

KEYS = (
    "APIYI_API_KEY",
    "ARK_API_KEY",
    "OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "OPENROUTER_API_KEY",
    "FAL_KEY",
    "REPLICATE_API_TOKEN",
    "BFL_API_KEY",
    "XAI_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "DASHSCOPE_API_KEY",
    "GATEWAY_API_KEY",
    "OTHER_API_KEY",
    "STABILITY_API_KEY",
)
VERSIONS = {"openai-images": "/v1", "seedream": "/v1", "gemini": "/v1beta"}


@pytest.fixture(scope="session")
def emulator(tmp_path_factory) -> Iterator[Emulator]:
    """The upstreams, on a loop of their own in a thread, for examples that begin with asyncio.run."""
    emulator, ready, over = Emulator(time_scale=0, tls=True), threading.Event(), asyncio.Event()

    async def serve():
        loops.append(asyncio.get_running_loop())
        async with emulator:
            ready.set()
            await over.wait()

    loops: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    yield emulator
    loops[0].call_soon_threadsafe(over.set)
    thread.join()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in, and keys in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("PIXROUTE_CONFIG", "PIXROUTE_DISABLE_PLUGINS", "PIXROUTE_TRACEBACK", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name in KEYS:
        monkeypatch.setenv(name, "any-key-will-do")
    return tmp_path


@pytest.fixture
def pointed(folder, emulator):
    """Give a configuration's text whose providers ask the emulator."""
    ca_file = folder / "ca.pem"
    ca_file.write_text(emulator.ca_pem)

    def place(match: re.Match[str]) -> str:
        type_ = match[1]
        plain = type_ == "nano-banana-pro-http"
        lines = [
            match[0],
            f'base_url = "{emulator.http_url if plain else emulator.https_url}{VERSIONS.get(type_, "")}"',
            "allow_private_results = true",
        ]
        return "\n".join(lines if plain else [*lines, f'ca_file = "{ca_file}"'])

    return lambda text: re.sub(r'^type = "([\w-]+)".*$', place, text, flags=re.MULTILINE)
