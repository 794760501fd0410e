"""Answers as on the wire, put through the real provider types and the router."""

import asyncio
import json
from http import HTTPStatus
from pathlib import Path

import pytest

from pixroute import Policy, Router
from pixroute.errors import RequestFailed
from pixroute.secret import Secret
from pixroute_gemini.provider import Gemini, GeminiSettings
from pixroute_nano_banana.provider import NanoBananaProHttpsSettings, create
from pixroute_openai.provider import OpenAIImages, OpenAIImagesSettings
from pixroute_seedream.provider import Seedream, SeedreamSettings

HERE = Path(__file__).parent


def answers(name):
    """Give the labelled answers of a file, one JSON object a line."""
    return [json.loads(line) for line in (HERE / name).read_text("utf-8").splitlines()]


class Mouth:
    """A server that says one thing, byte for byte."""

    def __init__(self):
        self.raw = b""
        self.server = None

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._say, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    @property
    def origin(self):
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    def learn(self, answer):
        """Say this from now on; a longer Content-Length than the body closes the connection early."""
        body = answer["body"].encode()
        headers = {"Content-Length": str(len(body)), **answer["headers"], "Connection": "close"}
        status = answer["status"]
        phrase = HTTPStatus(status).phrase if status in HTTPStatus.__members__.values() else "Unknown"
        lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.raw = "\r\n".join(lines).encode() + body

    async def _say(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
        await reader.readexactly(int(length.partition(b":")[2]))
        writer.write(self.raw)
        await writer.drain()
        writer.close()


def make_provider(spoken, origin, name="first"):
    """Give the provider type that an answer names, at this origin."""
    common = {"api_key": Secret("sk-correct-horse"), "plaintext": "accept"}
    kind, _, variant = spoken.partition("/")
    if kind == "gemini":
        return Gemini(name, GeminiSettings(base_url=f"{origin}/v1beta", **common))
    if kind == "seedream":
        return Seedream(name, SeedreamSettings(base_url=f"{origin}/v1", via=variant, **common))
    if kind.startswith("nano-banana"):
        return create(name, NanoBananaProHttpsSettings(base_url=origin, api=variant, **common))
    return OpenAIImages(name, OpenAIImagesSettings(base_url=f"{origin}/v1", **common))


async def judged(answer, mouth, **request):
    """Give the record of the one attempt that meets this answer."""
    mouth.learn(answer)
    provider = make_provider(answer["provider"], mouth.origin)
    policy = Policy(max_attempts=1)
    size = "2048x2048" if answer["provider"].startswith("seedream") else "1024x1024"
    async with Router(providers={"first": provider}, chains={"default": ["first"]}, policy=policy) as router:
        try:
            await router.generate("A lighthouse at dusk", size=size, timeout=600, **request)
        except RequestFailed as error:
            return error.record.attempts[0]
    return None


@pytest.fixture
async def mouth():
    """Give a server that says what it is taught."""
    async with Mouth() as server:
        yield server


@pytest.fixture
def judge(mouth):
    """Give the record of the one attempt that meets an answer."""

    async def judge_(answer, **request):
        return await judged(answer, mouth, **request)

    return judge_


@pytest.fixture
def labelled():
    """Give the labelled answers of a file by its name."""
    return answers


@pytest.fixture
def provider_of():
    """Make a provider of a type, at an origin."""
    return make_provider
