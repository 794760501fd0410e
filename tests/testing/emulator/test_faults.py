"""Every fault over a real socket: its status, its bytes, how it ends, and what it costs."""

import base64
import gzip
import io
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from pixroute.testing.emulator import FAULTS, Fault
from pixroute.testing.emulator.faults.refusals import REFUSALS

NATIVE = "/v1beta/models/gemini-3-pro-image:generateContent"
IMAGES = "/v1/images/generations"
BODIES: dict[str, dict[str, Any]] = {
    "google": {"contents": [{"parts": [{"text": "a fox"}]}]},
    "gateway": {"model": "nano-banana-pro", "prompt": "a fox"},
    "openai": {"model": "gpt-image-2", "prompt": "a fox"},
    "ark": {"model": "seedream-4-5-251128", "prompt": "a fox"},
}

# fault -> voice -> status and a word of the body
ERRORS = [
    ("overloaded", "google", 503, "UNAVAILABLE"),
    ("overloaded", "gateway", 503, '"code": 503'),
    ("overloaded", "openai", 503, "server_error"),
    ("overloaded", "ark", 429, "ServerOverloaded"),
    ("overloaded:variant=saturated", "gateway", 429, "当前分组上游负载已饱和"),
    ("overloaded:variant=saturated,status=503", "google", 503, "当前分组上游负载已饱和"),
    ("rate-limited", "google", 429, "PerMinute"),
    ("rate-limited", "ark", 429, "EndpointRPMExceeded"),
    ("rate-limited:variant=short", "google", 429, "Resource has been exhausted"),
    ("rate-limited:retry-info=31", "google", 429, '"retryDelay": "31s"'),
    ("rate-limited:text=31.4", "google", 429, "Please retry in 31.4s."),
    ("quota", "google", 429, "PerDay"),
    ("quota", "openai", 429, "insufficient_quota"),
    ("quota", "gateway", 403, "insufficient_user_quota"),
    ("quota", "ark", 403, "AccountOverdueError"),
    ("quota:variant=limit-0", "google", 429, "limit: 0"),
    ("quota:variant=prepaid", "google", 402, "RESOURCE_EXHAUSTED"),
    ("quota:variant=set-limit", "ark", 429, "SetLimitExceeded"),
    ("bad-key", "google", 400, "API_KEY_INVALID"),
    ("bad-key", "gateway", 401, "无效的令牌"),
    ("bad-key", "openai", 401, "invalid_api_key"),
    ("bad-key", "ark", 401, "AuthenticationError"),
    ("forbidden", "google", 403, "PERMISSION_DENIED"),
    ("model-gone", "google", 404, "models/gemini-3-pro-image is not found"),
    ("model-gone", "ark", 404, "ModelNotOpen"),
    ("model-gone:variant=unsupported", "gateway", 400, "nano-banana-pro is not supported"),
    ("invalid", "openai", 400, '"param": "size"'),
    ("invalid:variant=input-fetch", "ark", 400, "Timeout while downloading"),
    ("server-error", "google", 500, "INTERNAL"),
    ("server-error:variant=empty-502", "gateway", 502, '"message": ""'),
    ("server-error:variant=write-failed", "gateway", 500, "write_response_body_failed"),
    ("deadline", "google", 504, "DEADLINE_EXCEEDED"),
    ("deadline", "gateway", 504, "Upstream model timed out"),
    ("error-in-200", "gateway", 200, "overloaded"),
    ("array-error:of=rate-limited", "google", 429, '[{"error"'),
    ("nested-error", "google", 503, '\\"UNAVAILABLE\\"'),
    ("refused", "gateway", 403, "content_policy_violation"),
    ("refused", "openai", 400, "moderation_blocked"),
    ("refused", "ark", 400, "OutputImageSensitiveContentDetected"),
    ("refused:shape=input", "ark", 400, "InputTextSensitiveContentDetected"),
]
PAGES = [
    ("nginx-502", 502, 157, {"Server": "nginx/1.22.1"}, 0),
    ("nginx-503", 503, 197, {"Server": "nginx/1.22.1"}, 0),
    ("nginx-504", 504, 167, {"Server": "nginx/1.22.1"}, 1),
    ("alb-504", 504, 132, {"Server": "awselb/2.0"}, 1),
    ("haproxy-504", 504, 92, {"cache-control": "no-cache"}, 1),
    ("envoy-504", 504, 24, {"server": "envoy"}, 1),
    ("heroku-503", 503, 103, {"Via": "1.1 vegur"}, 1),
    ("cloudflare-524", 524, 15, {"Server": "cloudflare"}, 1),
    ("cloudflare-524:style=html", 524, 154, {"Content-Type": "text/html"}, 1),
    ("cloudflare-524:style=json", 524, 92, {"Content-Type": "application/json"}, 1),
]
CUTS = [
    ("cut", aiohttp.ServerDisconnectedError),
    ("reset", aiohttp.ClientOSError),
    ("cut-headers", aiohttp.ServerDisconnectedError),
    ("cut-headers:how=rst", aiohttp.ClientOSError),
    ("cut-body", aiohttp.ClientPayloadError),
    ("cut-body:how=rst", aiohttp.ClientPayloadError),
    ("cut-chunked", aiohttp.ClientPayloadError),
    ("cut-chunked:how=rst", aiohttp.ClientPayloadError),
    ("tail-stall:variant=B", aiohttp.ClientPayloadError),
]
SILENCES = ["silent", "silent-body", "tail-stall", "tail-stall:variant=C,hold=inf"]


@pytest.fixture
def call(emulator, http):
    """Make one call with one fault and return the reply and its body."""

    async def make(fault, voice="google", *, timeout=None, **fields):
        emulator.script("*", fault)
        url = emulator.http_url + (NATIVE if voice == "google" else IMAGES)
        body = BODIES[voice] | fields
        patience = aiohttp.ClientTimeout(total=timeout)
        async with http.post(url, json=body, allow_redirects=False, timeout=patience) as reply:
            return reply, await reply.read()

    return make


def native_parts(body: bytes) -> list[dict[str, Any]]:
    return json.loads(body)["candidates"][0]["content"]["parts"]


def native_picture(body: bytes) -> dict[str, str]:
    return native_parts(body)[-1]["inlineData"]


def size_of(text: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(text))).size


@pytest.mark.parametrize("case", ERRORS, ids=str)
async def test_errors(call, emulator, case):
    """An error has the status and the words of its upstream, a request id, and costs nothing."""
    fault, voice, status, word = case

    reply, body = await call(fault, voice)

    assert reply.status == status
    assert word in body.decode()
    assert "{id}" not in body.decode()
    assert reply.headers["x-request-id"]
    assert emulator.ledger.billed == 0


@pytest.mark.parametrize(
    ("hint", "header", "value"),
    [("retry-after=31", "retry-after", "31"), ("retry-after-ms=1500", "retry-after-ms", "1500")],
)
@pytest.mark.parametrize("fault", ["overloaded", "rate-limited"])
async def test_hints_in_headers(call, fault, hint, header, value):
    """A hint stands in the header it was asked for."""
    reply, _ = await call(f"{fault}:{hint}")

    assert reply.headers[header] == value


async def test_hint_as_a_date(call):
    """A hint may be an HTTP date, to be read against the answer's own."""
    reply, _ = await call("rate-limited:retry-after-date=31")

    parse = aiohttp.helpers.parse_http_date
    assert 30 <= (parse(reply.headers["retry-after"]) - parse(reply.headers["Date"])).total_seconds() <= 32


@pytest.mark.parametrize("case", PAGES, ids=str)
async def test_pages(call, emulator, case):
    """An intermediary's page has its bytes and fingerprint; behind a time-out the picture is made and billed."""
    fault, status, length, headers, billed = case

    reply, body = await call(fault)

    assert (reply.status, len(body)) == (status, length)
    assert headers.items() <= reply.headers.items()
    assert "x-request-id" not in reply.headers
    await emulator.idle()
    assert emulator.ledger.billed == billed


@pytest.mark.parametrize(("fault", "error"), CUTS)
async def test_cuts(call, emulator, fault, error):
    """A cut shows as the exception it causes in the wild, and the picture is billed."""
    with pytest.raises(error):
        await call(fault)

    await emulator.idle()
    assert (emulator.ledger.finished, emulator.ledger.billed) == (1, 1)


@pytest.mark.parametrize("fault", SILENCES)
async def test_silences(call, emulator, fault):
    """A silent upstream stays connected and says no more; the picture is billed."""
    with pytest.raises(TimeoutError):
        await call(fault, timeout=0.15)

    await emulator.idle()
    assert emulator.ledger.billed == 1


async def test_tail_stall_delivers_everything_first(emulator, http):
    """Before the tail stalls the whole JSON has come, chunked."""
    emulator.set_fault("native", "tail-stall:variant=A")

    async with http.post(emulator.http_url + NATIVE, json=BODIES["google"]) as reply:
        body = b""
        while not body.endswith(b"}"):
            body += await reply.content.readany()

    assert "Content-Length" not in reply.headers
    assert native_picture(body)["data"]


@pytest.mark.parametrize("fault", ["slow:factor=9", "slow-body:rate=5000", "tail-stall:variant=C"])
async def test_slow_but_right(call, fault):
    """A slow answer is a whole one."""
    _, body = await call(fault)

    assert size_of(native_picture(body)["data"]) == (1024, 1024)


async def test_truncated_json(call):
    """Half the JSON without a length is a clean 200 to HTTP."""
    reply, body = await call("truncated-json")

    assert reply.status == 200
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(body)


@pytest.mark.parametrize("shape", REFUSALS["google"])
async def test_native_refusals(call, emulator, shape):
    """A refusal under 200 takes its documented shape and is billed at the aggregator."""
    reply, body = await call(f"refused:shape={shape}")

    told = json.loads(body)
    assert reply.status == 200
    assert not any("inlineData" in part for c in told["candidates"] or [] for part in c["content"].get("parts") or [])
    assert (emulator.ledger.finished, emulator.ledger.billed) == (0, 1)


async def test_ark_refuses_one_of_several(call, emulator):
    """A refused item stands among the pictures, which alone are billed."""
    two = {"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 2}}

    reply, body = await call("refused:shape=item", "ark", **two)

    first, second = json.loads(body)["data"]
    assert reply.status == 200
    assert "url" in first
    assert second["error"]["code"] == "OutputImageSensitiveContentDetected"
    assert emulator.ledger.billed == 1


@pytest.mark.parametrize(
    ("fault", "voice", "billed"),
    [
        ("empty", "google", 1),
        ("empty", "gateway", 1),
        ("empty", "ark", 0),
        ("refused:shape=whole-200", "ark", 0),
        ("error-in-200", "google", 0),
        ("server-error:variant=write-failed", "gateway", 0),
        ("wrong-size", "gateway", 1),
        ("several-images", "google", 1),
        ("not-an-image", "openai", 1),
    ],
)
async def test_billing(call, emulator, fault, voice, billed):
    """Errors are free, pictures are billed whatever they show, and Ark alone never bills without one."""
    await call(fault, voice)

    assert emulator.ledger.billed == billed


async def test_image_other_is_free_at_google(emulator, http):
    """Google says of IMAGE_OTHER that it is not charged; the aggregator charges it."""
    emulator.set_fault("native", "refused:shape=image-other")

    await (await http.post(emulator.http_url + NATIVE, json=BODIES["google"], headers={"x-goog-api-key": "g"})).read()

    assert emulator.ledger.billed == 0


@pytest.mark.parametrize(
    ("shape", "voice", "data"),
    [("none", "gateway", []), ("null", "gateway", [{"b64_json": None}]), ("text", "ark", None)],
)
async def test_empty_images(call, shape, voice, data):
    """An empty answer has no items, an item of null, or only text."""
    _, body = await call(f"empty:shape={shape}", voice)

    told = json.loads(body)["data"]
    assert told == data if data is not None else "b64_json" not in told[0]


@pytest.mark.parametrize(("fault", "size"), [("wrong-size", (512, 512)), ("wrong-size:to=640x480", (640, 480))])
async def test_wrong_size(call, fault, size):
    """The picture has half the sides asked for, or the size told."""
    _, body = await call(fault)

    assert size_of(native_picture(body)["data"]) == size


async def test_several_images(call):
    """Drafts come first, smaller and signed; the last picture is the right one."""
    _, body = await call("several-images:drafts=3")

    pictures = [part for part in native_parts(body) if "inlineData" in part]
    assert [size_of(part["inlineData"]["data"]) for part in pictures] == [(512, 512)] * 3 + [(1024, 1024)]
    assert all(part["thoughtSignature"] for part in pictures)


async def test_text_url(call, http):
    """The picture's URL stands in a text part, its ampersand escaped, and can be fetched."""
    _, body = await call("text-url")

    assert b"\\u0026X-Tos" in body
    async with http.get(native_parts(body)[-1]["text"]) as reply:
        assert Image.open(io.BytesIO(await reply.read())).size == (1024, 1024)


async def test_expired_url(call, http):
    """An expired URL is refused with 403, as object stores do."""
    _, body = await call("expired-url", "gateway")

    async with http.get(json.loads(body)["data"][0]["url"]) as reply:
        assert reply.status == 403
        assert b"expired" in await reply.read()


async def test_faults_of_downloads(emulator, http, images):
    """A download can fail by itself."""
    _, _, body = await images(response_format="url")
    url = body["data"][0]["url"]
    emulator.script("files", "not-an-image", "cut-body", "nginx-502")

    async with http.get(url) as reply:
        assert (await reply.read()).startswith(b"<html>")
    with pytest.raises(aiohttp.ClientPayloadError):
        async with http.get(url) as reply:
            await reply.read()
    async with http.get(url) as reply:
        assert reply.status == 502
    assert emulator.ledger.received == 1


async def test_markdown(call):
    """The picture is a Markdown data URI inside a native text part."""
    _, body = await call("markdown")

    assert native_parts(body)[-1]["text"].startswith("![image](data:image/")


async def test_data_uri(call):
    """A data URI's head stands before the base64."""
    _, body = await call("data-uri", "gateway")

    assert json.loads(body)["data"][0]["b64_json"].startswith("data:image/png;base64,iVBOR")


@pytest.mark.parametrize("fault", ["bad-base64", "truncated-base64"])
async def test_bad_base64(call, fault):
    """Strict base64 cannot be decoded."""
    _, body = await call(fault)

    with pytest.raises(ValueError, match=r"base64|padding"):
        base64.b64decode(native_picture(body)["data"], validate=True)


async def test_bad_pictures(call):
    """What is sent is no picture, half a picture, or one of another type than it claims."""
    _, page = await call("not-an-image")
    _, half = await call("truncated-image")
    _, other = await call("wrong-mime")

    assert base64.b64decode(native_picture(page)["data"]).startswith(b"<html>")
    with pytest.raises(OSError, match="truncated"):
        Image.open(io.BytesIO(base64.b64decode(native_picture(half)["data"]))).load()
    claimed, data = native_picture(other).values()
    assert Image.MIME[Image.open(io.BytesIO(base64.b64decode(data))).format] != claimed


async def test_redirect(call):
    """A redirect points where it is told to."""
    reply, _ = await call("redirect:to=http://127.0.0.1:9/x")

    assert (reply.status, reply.headers["Location"]) == (307, "http://127.0.0.1:9/x")


async def test_gzip_bomb(call):
    """A small body inflates to many megabytes."""
    reply, body = await call("gzip-bomb:megabytes=8", "gateway")

    assert reply.headers["Content-Encoding"] == "gzip"
    assert len(body) < 20_000
    assert len(gzip.decompress(body)) > 8 * 1024 * 1024


async def test_huge_body(call):
    """A huge body is as large as it was asked to be."""
    _, body = await call("huge-body:megabytes=3", "gateway")

    assert len(body) > 3 * 1024 * 1024


def test_every_fault_is_tested_and_told():
    """Each fault has a line that says what it does, and a test in this file."""
    source = Path(__file__).read_text() + "".join(
        Path(__file__).with_name(name).read_text() for name in ("test_cases.py", "test_jobs.py", "test_services.py")
    )

    for name, kind in FAULTS.items():
        assert kind.summary
        assert f'"{name}' in source, name


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("overlaoded", "did you mean 'overloaded'?.*tail-stall"),
        ("slow:facter=4", "did you mean 'factor'?"),
        ("tail-stall:variant=D", "known: A, B, C"),
        ("slow:factor=much", "could not convert"),
    ],
)
def test_unknown_faults(wrong, words):
    """A misspelt fault, option or value is refused with the nearest and the list."""
    with pytest.raises(ValueError, match=words.replace("?", r"\?")):
        Fault.parse(wrong)


def test_faults_print_as_they_are_written():
    """A fault's text parses to the same fault."""
    assert str(Fault.parse("rate-limited:retry-after=31,variant=short")) == "rate-limited:retry-after=31,variant=short"
    assert Fault.parse("cut") == Fault("cut")
