"""Jobs of processes that were killed: whose id had come is claimed, the others are told, nothing is bought twice."""

import asyncio
import json
import os
import random
import re
import sys
import time
from collections import Counter

import pytest

from pixroute.ledger import read_ledger
from pixroute.outcome import Billing
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step

pytestmark = pytest.mark.slow  # each process starts an interpreter, and jobs take a second

PIXROUTE = [sys.executable, "-c", "import sys; from pixroute.cli import main; sys.exit(main())"]
ANSWERS_AFTER, DONE_AFTER, LONGEST, PROCESSES = 0.4, 1.0, 2.2, 10


class Queue(ScriptedServer):
    """fal's queue: it takes a job after a while, makes it, and keeps a ledger of what was bought."""

    def __init__(self):
        super().__init__(Step(self._serve))
        self.bought = Counter()
        self.answered, self.began = {}, {}
        self.posted = {}

    async def _serve(self, peer):
        asked = self.requests[-1]
        if asked.method == "POST":
            await self._take(peer, json.loads(asked.body)["prompt"])
        elif asked.path.endswith(".png"):
            await Step.reply(200, blank_png(64, 64)).run(peer)
        elif asked.path.endswith("/status"):
            name = re.search(r"requests/([^/]+)", asked.path)[1]
            done = time.monotonic() - self.began[name] >= DONE_AFTER
            await Step.json({"status": "COMPLETED" if done else "IN_PROGRESS"}).run(peer)
        else:
            await Step.json({"images": [{"url": f"{self.origin}/1.png"}]}).run(peer)

    async def _take(self, peer, name):
        self.bought[name] += 1
        self.began[name] = time.monotonic()
        self.posted.setdefault(name, asyncio.Event()).set()
        await asyncio.sleep(ANSWERS_AFTER)
        job = f"{self.origin}/fal-ai/flux/requests/{name}"
        urls = {"status_url": f"{job}/status", "response_url": job, "cancel_url": f"{job}/cancel"}
        await Step.json({"status": "IN_QUEUE", "request_id": name, **urls}).run(peer)
        self.answered[name] = time.monotonic()


@pytest.fixture
def installed():
    """Give the environment of a machine with a key."""
    return {**os.environ, "FAL_KEY": "k" * 20}


def configure(folder, origin):
    (folder / "pixroute.toml").write_text(
        f"""
        chains.default = ["fal"]
        [providers.fal]
        type = "fal"
        base_url = "{origin}"
        api_key = {{ env = "FAL_KEY" }}
        plaintext = "accept"
        allow_private_results = true
        [observers.ledger]
        path = "ledger"
        required = true
        """
    )


async def pixroute(folder, env, *arguments):
    out = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*PIXROUTE, *arguments, cwd=folder, env=env, stdout=out, stderr=out)


async def killed(queue, folder, env, name, after):
    """Let a process buy one picture and kill it some seconds after its call arrived; give when."""
    process = await pixroute(folder, env, "generate", name, "-o", f"{name}.png", "--quiet")
    reading = asyncio.create_task(process.communicate())
    await asyncio.wait_for(queue.posted.setdefault(name, asyncio.Event()).wait(), 30)
    await asyncio.sleep(after)
    at = time.monotonic()
    if process.returncode is None:
        process.kill()
    await reading
    return at


async def claimed(folder, env):
    process = await pixroute(folder, env, "claim", "ledger", "-o", "claimed", "--json")
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert out, err
    return json.loads(out)


def sizes(folder, claims):
    return [(folder / path).stat().st_size for one in claims for path in one["pictures"]]


async def test_killed_at_ten_moments(tmp_path, installed):
    """Every job whose id had come is claimed, every other one is told as doubtful, and each was bought once."""
    moments = random.Random(10)
    names = [f"job-{number}" for number in range(PROCESSES)]
    async with Queue() as queue:
        configure(tmp_path, queue.origin)
        ends = await asyncio.gather(
            *(killed(queue, tmp_path, installed, name, moments.uniform(0, LONGEST)) for name in names)
        )
        before = read_ledger(tmp_path / "ledger")
        told = await claimed(tmp_path, installed)
        again = await claimed(tmp_path, installed)

    left = {entry.attempt for entry in before.unsettled}
    known = {entry.attempt: entry.job["id"] for entry in before.unsettled if entry.job is not None}
    came = {name for name, at in zip(names, ends, strict=True) if at - queue.answered.get(name, at) > 0.2}
    finished = {entry.job["id"] for entry in before.entries if entry.settled}
    assert came - finished <= set(known.values())
    assert {one["attempt"] for one in told["claimed"] if one["error"] is None} == set(known)
    assert all(sizes(tmp_path, told["claimed"]))
    assert {one["attempt"] for one in told["doubtful"]} == left - set(known)
    assert known
    assert left - set(known)
    assert again["claimed"] == []
    assert queue.bought == Counter(names)
    after = read_ledger(tmp_path / "ledger")
    assert {entry.attempt for entry in after.entries if entry.billing is Billing.AMBIGUOUS} == left - set(known)


async def test_a_claim_that_is_ended_can_be_begun_again(tmp_path, installed):
    """SIGTERM ends it with 143; the ledger is as it was."""
    urls = {"poll": "fal-ai/flux/requests/job/status", "result": "fal-ai/flux/requests/job", "cancel": None}
    facts = {"attempt": "a-1", "request": "a", "provider": "fal"}
    begun = {"started": "2026-11-28T12:00:00+00:00", **facts, "price": "0.05", "currency": "USD"}
    taken = {"accepted": "2026-11-28T12:00:01+00:00", **facts, "job": {"id": "job", **urls}}
    lines = f"{json.dumps(begun)}\n{json.dumps(taken)}\n"
    await asyncio.to_thread((tmp_path / "ledger").write_text, lines)
    async with Queue() as queue:
        queue.began["job"] = time.monotonic() + 3600
        configure(tmp_path, queue.origin)
        process = await pixroute(tmp_path, installed, "claim", "ledger")
        await queue.received(2)
        process.terminate()
        _, err = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 143, err
    assert b"Traceback" not in err
    assert await asyncio.to_thread((tmp_path / "ledger").read_text) == lines
    assert not queue.bought
