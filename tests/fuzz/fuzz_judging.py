"""Throws error answers of every shape at the judging: `python tests/fuzz/fuzz_judging.py --minutes 10`.

Labelled answers, with statuses, headers, values and words exchanged, dropped and nested. No answer whatever raises,
acts on an upstream for longer than its table says, or shows a key; and a request's own field acts on nobody else.
"""

import argparse
import copy
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from pixroute import ImageRequest
from pixroute.http.call import Reply
from pixroute.http.judging.asked import RequestWords
from pixroute.http.judging.envelope import failure_from
from pixroute.http.judging.pictureless import flagged, pictureless
from pixroute.outcome import REACTIONS, Evidence, Failure, HealthSignal, Stage
from pixroute.routing.settle import settle

HERE = Path(__file__).parent.parent / "answers"
ANSWERS = [json.loads(line) for file in sorted(HERE.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()]
KEY = "sk-a-key-that-must-not-be-seen"
JUNK: list[Any] = [
    "<html>",
    None, True, False, 0, -1, 429, 10**30, 1.5, "", "x", "500", [], {}, [[]], {"error": {}}, "{", "\ud83d", "\0",
    f"Bearer {KEY}", f"api_key={KEY}", "请 9 秒", "limit: 0", "retry in 99999999999999999999s",
    "a" * 9000, "(" * 500, 10**5000,
]  # fmt: skip
NAMES = ["error", "errors", "detail", "message", "code", "param", "retry_after"]
HEADERS = ["retry-after", "retry-after-ms", "date", "server", "x-amzn-errortype", "content-type", "x-request-id"]
LONGEST = 2000


def text(junk: Any) -> str:
    """Write junk as a text; a number of thousands of digits has none."""
    return "9" * 5000 if junk == JUNK[-1] else str(junk)


def spoiled(random_: random.Random, value: Any, depth: int = 0) -> Any:
    """Exchange, drop, repeat and nest values."""
    if random_.random() < 0.06:
        return random_.choice(JUNK)
    if isinstance(value, dict) and depth < 8:
        kept = {name: spoiled(random_, one, depth + 1) for name, one in value.items() if random_.random() > 0.05}
        if random_.random() < 0.1:
            kept[random_.choice(["error", "errors", "detail", "message", "code", "param", "retry_after"])] = copy.copy(
                kept
            )
        return kept
    if isinstance(value, list) and depth < 8:
        return [spoiled(random_, one, depth + 1) for one in value] * random_.choice([1, 1, 1, 3])
    if isinstance(value, str) and random_.random() < 0.1:
        return f"{value} {text(random_.choice(JUNK))}"
    return value


def reply_of(random_: random.Random) -> Reply:
    """Give an answer as nobody should."""
    answer = random_.choice(ANSWERS)
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    for name in HEADERS:
        if random_.random() < 0.1:
            headers[name] = text(random_.choice(JUNK))
    status = answer["status"] if random_.random() < 0.6 else random_.randint(200, 599)
    try:
        document = spoiled(random_, json.loads(answer["body"]))
    except ValueError:
        document = None
    body = "" if document is not None else answer["body"] + text(random_.choice(JUNK))
    return Reply(status=status, headers=headers, json=document, text=body)


def check(reply: Reply, asked: RequestWords) -> None:
    """Judge an answer every way it may be judged, and look at what came of it."""
    failures = [failure_from(reply, stage=Stage.BODY, now=0.0, asked=asked)]
    if reply.ok:
        failures.append(pictureless(reply, who="p", why="of its shape", now=0.0, asked=asked))
        failures += [found for found in (flagged(reply, who="p"),) if found]
    for failure in failures:
        look_at(failure)


def look_at(failure: Failure) -> None:
    """It is short, shows no key, and acts no longer than its table says."""
    told = f"{failure} {failure.code} {failure.ignored_hint} {failure.provider_request_id}"
    assert KEY not in told, told
    assert len(told) < LONGEST, told
    settled = settle(failure, age=1, p99=60, cut_short=False, stage=Stage.BODY)
    row = REACTIONS[failure.kind]
    assert settled.opens is None or settled.opens[1] <= (row.opens_for or 0)
    assert settled.hold is None or (row.hold and settled.hold.longest <= max(row.hold.longest, 86_400))
    assert failure.hint is None or 0 <= failure.hint <= 86_400
    if failure.evidence is not Evidence.MACHINE:
        assert (settled.opens, settled.hold) == (None, None)
    if failure.evidence is Evidence.REQUEST:
        assert settled.upstream is HealthSignal.NEUTRAL


def main() -> None:
    """Fuzz for some minutes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    ends, rounds = time.monotonic() + 60 * options.minutes, 0
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    asked = [
        RequestWords.of(ImageRequest("A lighthouse", extra={"p": extra}), "p")
        for extra in ({}, {"param": "x"}, {"a": [{"b": "c"}]})
    ]
    while time.monotonic() < ends:
        random_ = random.Random(seed)
        reply = reply_of(random_)
        try:
            check(reply, random_.choice(asked))
        except Exception:
            sys.set_int_max_str_digits(0)
            print(f"seed {seed}: {reply!r}"[:3000])
            raise
        seed, rounds = seed + 1, rounds + 1
        if options.seed is not None:
            break
    print(f"{rounds:,} answers, nothing raised, nobody hurt, no key shown")


if __name__ == "__main__":
    main()
