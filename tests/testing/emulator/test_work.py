"""Pictures, latencies and the life of results."""

import io
import time
from random import Random

import pytest
from PIL import Image

from pixroute.testing.emulator import Emulator
from pixroute.testing.emulator.latency import LATENCIES, draw_latency
from pixroute.testing.emulator.pictures import draw


def open_picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("mime", ["image/png", "image/jpeg", "image/webp"])
def test_pictures_are_real(mime):
    """A picture has the asked size and type, and differs from prompt to prompt."""
    fox, cat = (draw(prompt=p, model="m", width=320, height=200, mime=mime) for p in ("fox", "cat"))

    assert (open_picture(fox).size, Image.MIME[open_picture(fox).format]) == ((320, 200), mime)
    assert fox != cat


def test_watermark_is_drawn():
    """A watermarked picture is another one."""
    options = {"prompt": "fox", "model": "m", "width": 320, "height": 200, "mime": "image/png"}

    assert draw(**options, watermark=True) != draw(**options)


@pytest.mark.slow  # draws and compresses 50 MB of grain
def test_noise_makes_it_heavy():
    """With noise a 4K PNG weighs about what a photograph does: over 35 MB as base64."""
    heavy = draw(prompt="fox", model="m", width=4096, height=4096, mime="image/png", noise=True)

    assert 26_000_000 < len(heavy) < 32_000_000


@pytest.mark.slow  # draws a 4K picture
def test_a_4k_picture_takes_little_cpu():
    """A 4096x4096 PNG takes well under two seconds."""
    began = time.thread_time()

    draw(prompt="a slow fox", model="m", width=4096, height=4096, mime="image/png")

    assert time.thread_time() - began < 2


@pytest.mark.parametrize(
    ("family", "size"), [("banana", 1024), ("banana", 4096), ("seedream", 2048), ("gpt-image", 512)]
)
def test_latencies_follow_the_tables(family, size):
    """Half of the draws are under P50, 95 % under P95, and the same seed gives the same draws."""
    p50, p95, _ = LATENCIES.get(family, {}).get({1024: "1K", 2048: "2K"}.get(size, "4K"), (20.0, 40.0, 60.0))
    random, again = Random(1), Random(1)

    draws = [draw_latency(family, size, size, random) for _ in range(2000)]

    assert sum(d <= p50 for d in draws) / 2000 == pytest.approx(0.5, abs=0.04)
    assert sum(d <= p95 for d in draws) / 2000 == pytest.approx(0.95, abs=0.02)
    assert draws == [draw_latency(family, size, size, again) for _ in range(2000)]


async def test_time_is_scaled(http):
    """A hint and an age are scaled like the latency itself."""
    async with Emulator(time_scale=0.001, faults={"native": "rate-limited:retry-after=31"}) as emulator:
        url = f"{emulator.http_url}/v1beta/models/gemini-3-pro-image:generateContent"
        async with http.post(url, json={"contents": [{"parts": [{"text": "fox"}]}]}) as reply:
            assert reply.headers["retry-after"] == "0.031"

    assert emulator.ledger.entries[0].fault == "rate-limited:retry-after=31"


async def test_results_expire(http):
    """A URL is over when its scaled day has passed."""
    async with Emulator(time_scale=1e-9) as emulator:
        body = {"model": "seedream-4-5-251128", "prompt": "fox"}
        async with http.post(f"{emulator.http_url}/v1/images/generations", json=body) as reply:
            url = (await reply.json())["data"][0]["url"]
        async with http.get(url) as late:
            assert late.status == 403
