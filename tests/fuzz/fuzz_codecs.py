"""Throws answers of every shape at every codec: `python tests/fuzz/fuzz_codecs.py --minutes 10`.

Real answers, with values exchanged, dropped, repeated and nested, go through what production does with them: the
decoder, `classify`, the reading of error envelopes, `decode`, `details`. What comes out is pictures or a failure, never
an exception; and no failure is longer than a person reads. A failure prints the seed that repeats it (`--seed`).
"""

import argparse
import asyncio
import base64
import copy
import json
import logging
import random
import time
from collections import Counter
from functools import partial
from types import SimpleNamespace
from typing import Any

from pixroute import HttpProvider
from pixroute.http.attempt import HttpAttempt, shown
from pixroute.http.body.decoder import BodyError
from pixroute.http.body.incoming import Incoming
from pixroute.http.body.sinks import Sinks
from pixroute.http.call import Reply
from pixroute.http.pace import Pace
from pixroute.outcome import Failure, FailureKind, Success
from pixroute.secret import Secret
from pixroute_gemini.provider import Gemini, GeminiSettings
from pixroute_nano_banana.provider import NanoBananaProHttpsSettings, create
from pixroute_openai.provider import OpenAIImages, OpenAIImagesSettings
from pixroute_seedream.provider import Seedream, SeedreamSettings

KEY = Secret("sk-a-key-that-must-not-be-seen")
LONGEST = 2000
PROVIDERS: dict[str, HttpProvider[Any]] = {
    "nano banana, images": create("p", NanoBananaProHttpsSettings(api_key=KEY)),
    "nano banana, native": create("p", NanoBananaProHttpsSettings(api_key=KEY, api="native")),
    "seedream, apiyi": Seedream("p", SeedreamSettings(api_key=KEY)),
    "seedream, ark": Seedream("p", SeedreamSettings(api_key=KEY, via="ark")),
    "gemini": Gemini("p", GeminiSettings(api_key=KEY)),
    "openai": OpenAIImages("p", OpenAIImagesSettings(api_key=KEY)),
}
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(6000)).decode()
INLINE = {"inlineData": {"mimeType": "image/png", "data": PICTURE}}
ANSWERS: list[Any] = [
    {"created": 1, "data": [{"b64_json": PICTURE, "revised_prompt": "a"}], "usage": {"total_tokens": 1}},
    {"model": "m", "data": [{"url": "https://x.example/a.png", "size": "1x1"}], "usage": {"generated_images": 1}},
    {"data": [{"b64_json": f"data:image/png;base64,{PICTURE}"}, {"error": {"code": "Filtered", "message": "no"}}]},
    {"error": {"message": "overloaded", "type": "shell_api_error", "code": 503, "param": "503"}},
    {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [{"@type": "x", "retryDelay": "31s"}]}},
    [{"error": {"code": 400, "message": '{"error": {"message": "inner", "code": "invalid_value"}}'}}],
    {"error": "no", "request_id": "abc"},
    {
        "candidates": [{"content": {"parts": [{"text": "a"}, INLINE]}, "finishReason": "STOP"}],
        "usageMetadata": {"totalTokenCount": 1},
        "modelVersion": "m",
        "responseId": "r",
    },
    {"candidates": [{"content": {"parts": [{"thought": True, **INLINE}, INLINE]}, "finishReason": "IMAGE_SAFETY"}]},
    {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}},
]
LEAVES: list[Any] = [
    *(None, True, False, 0, -1, 429, 10**30, 1.5, float("inf"), float("nan"), "", "a", "{", "[[", '{"error": 1}'),
    *([], {}, [[]], "503", "https://", "https://[", "data:image/png;base64,", "=", "YQ==", PICTURE, "x" * 9000),
    *("request id: é", "retry in 1e999s", "limit: 0", "\ud800", "IMAGE_SAFETY", KEY.reveal()),
]
HEADERS = [
    *({}, {"retry-after": "2"}, {"retry-after": "Wed, 99 Foo"}, {"retry-after-ms": "-1e999"}, {"server": "nginx"}),
    *({"x-request-id": "a"}, {"date": "x", "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, {"cf-ray": "1"}),
]
STATUSES = [200, 200, 200, 201, 400, 401, 403, 404, 408, 413, 429, 499, 500, 502, 503, 504, 524, 529, 599]


def mutated(value: Any, rng: random.Random) -> Any:
    """Change one thing somewhere in a document."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.2:
        return rng.choice([copy.deepcopy(rng.choice(LEAVES)), [value], {"error": value}, copy.deepcopy(value)])
    places: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    at = rng.choice(places)
    if rng.random() < 0.15:
        del value[at]
    elif isinstance(value, list) and rng.random() < 0.15:
        value.extend(copy.deepcopy(value[at]) for _ in range(rng.choice([1, 40])))
    else:
        value[at] = mutated(value[at], rng)
    return value


def body(rng: random.Random) -> bytes:
    """Make a real answer strange, several times over; sometimes cut it."""
    document = copy.deepcopy(rng.choice(ANSWERS))
    for _ in range(rng.randrange(6)):
        document = mutated(document, rng)
    data = json.dumps(document, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    return data[: rng.randrange(len(data) + 1)] if rng.random() < 0.05 else data


async def no_fetch(*_args: object, **_options: object) -> Failure:
    """Stand for the network: nothing is fetched here."""
    return Failure(kind=FailureKind.BAD_IMAGE, message="not fetched")


ATTEMPT: Any = SimpleNamespace(
    request_id="req-1",
    http=SimpleNamespace(fetch=no_fetch, now=float, pace=Pace()),
    into=None,
    reached=lambda *_: None,
    note=lambda **_: None,
)


async def _concluded(provider: HttpProvider[Any], reply: Reply, sinks: Sinks, door: HttpAttempt) -> Any:
    told = shown(reply, door.sanitizer)
    return provider._refusal(told, began=0.0) or await provider._collect(reply, told, door, sinks)


async def judged(provider: HttpProvider[Any], data: bytes, status: int, headers: dict[str, str]) -> str:
    """Do with an answer what production does, and name what came of it."""
    with Sinks(None) as sinks:
        incoming = Incoming(picture_expected=status < 300, open_sink=sinks.open)
        try:
            incoming.feed(data)
            document = incoming.document()
        except BodyError:
            return "body error"
        text = "" if document is not None else incoming.snippet
        reply = Reply(status=status, headers=headers, json=document, text=text)
        outcome = await provider._run_attempt(ATTEMPT, partial(_concluded, provider, reply, sinks))
    assert isinstance(outcome, Failure | Success)
    assert getattr(outcome, "kind", None) is not FailureKind.UNKNOWN, outcome
    for failure in outcome.failures if isinstance(outcome, Success) else [outcome]:
        said = f"{failure} {failure!r}"
        assert len(failure.message) <= LONGEST, len(failure.message)
        assert KEY.reveal() not in said, said
    return "picture" if isinstance(outcome, Success) else outcome.kind.value


def attempt(seed: int) -> list[str]:
    """Show one answer to every codec."""
    rng = random.Random(seed)
    data, status, headers = body(rng), rng.choice(STATUSES), rng.choice(HEADERS)
    return [asyncio.run(judged(provider, data, status, headers)) for provider in PROVIDERS.values()]


def main() -> None:
    """Run until the time is over, or one seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, help="repeat one attempt")
    arguments = parser.parse_args()
    logging.disable()
    if arguments.seed is not None:
        print(attempt(arguments.seed))
        return
    ends_at = time.monotonic() + 60 * arguments.minutes
    seed = start = random.SystemRandom().randrange(2**32)
    found: Counter[str] = Counter()
    while time.monotonic() < ends_at:
        try:
            found.update(attempt(seed))
        except BaseException:
            print(f"seed {seed}")
            raise
        seed += 1
    kinds = ", ".join(f"{kind} {count}" for kind, count in found.most_common())
    print(f"{seed - start} answers to {len(PROVIDERS)} codecs, no surprise: {kinds}")


if __name__ == "__main__":
    main()
