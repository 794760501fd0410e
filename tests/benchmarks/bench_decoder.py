"""What decoding a 25 MB picture costs beside `json.loads` and `b64decode`, without a network."""

import asyncio
import base64
import json
import os
import time
from functools import partial

from measure import Figure, cpu, ratios, take_turns

from pixroute.http.body.decoder import BodyDecoder

SIZE = 25_000_000
CHUNK = 256 * 1024


def run(*, quick: bool) -> list[Figure]:
    """Base64 as it is usually written, with escaped slashes, and in lines."""
    plain = base64.b64encode(os.urandom(SIZE))
    writings = {
        "plain": plain,
        "escaped slashes": plain.replace(b"/", b"\\/"),
        "lines of 76": b"\\n".join(plain[at : at + 76] for at in range(0, len(plain), 76)),
    }
    return [figure for name, text in writings.items() for figure in _figures(name, text, 5 if quick else 9)]


def _figures(name: str, text: bytes, rounds: int) -> list[Figure]:
    target = 0.2 if name == "plain" else None  # all others are rare
    body = b'{"created":1,"data":[{"b64_json":"%b"}]}' % text
    chunks = [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)]
    feeds: list[float] = []
    ours, theirs = asyncio.run(
        take_turns(rounds, partial(cpu, partial(_decoded, chunks, feeds)), partial(cpu, partial(_naive, body)))
    )
    return [
        Figure(benchmark="decoder", name=f"{name}: CPU ÷ naive", unit="×", values=ratios(ours, theirs), target=target),
        Figure(benchmark="decoder", name=f"{name}: worst of its feeds", unit="ms", values=tuple(feeds[1:]), target=2),
    ]


async def _naive(body: bytes) -> bytes:
    return base64.b64decode(json.loads(body)["data"][0]["b64_json"])


async def _decoded(chunks: list[bytes], feeds: list[float]) -> bytes:
    """Decode chunk by chunk, and note the longest time, in ms, of CPU in one of them."""
    decoder = BodyDecoder()
    worst = 0.0
    for chunk in chunks:
        began = time.thread_time()
        decoder.feed(chunk)
        worst = max(worst, time.thread_time() - began)
    feeds.append(1000 * worst)
    picture: bytes = decoder.result()["data"][0]["b64_json"].data()
    assert len(picture) == SIZE
    return picture
