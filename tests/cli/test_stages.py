"""SIGTERM in every stage, and disks without room, in processes of their own."""

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import zlib

import pytest

from pixroute.cli.exits import Exit
from pixroute.ledger import read_ledger
from pixroute.outcome import Billing, Stage
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step

pytestmark = pytest.mark.slow  # each test starts an interpreter

PIXROUTE = [sys.executable, "-c", "import sys; from pixroute.cli import main; sys.exit(main())"]
PICTURE = Step.json({"data": [{"b64_json": base64.b64encode(blank_png(1024, 1024)).decode()}]})
LINK = Step.json({"data": [{"url": "/1.png"}]})
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"
HALF = Step.raw(HEAD + b'{"data":[') + Step.hang()


class Silent(ScriptedServer):
    """A server that takes connections and never says a word: TLS does not come about."""

    async def serve(self, peer, connection):
        """Wait."""
        self.requests.append(connection)
        await asyncio.Event().wait()


def configure(folder, origin, ledger="ledger", *, required=True):
    plaintext = 'plaintext = "accept"' if origin.startswith("http:") else ""
    (folder / "pixroute.toml").write_text(
        f"""
        chains.default = ["one"]
        policy.retry.rounds = []
        [providers.one]
        type = "openai-images"
        model = "m-1"
        base_url = "{origin}/v1"
        api_key = {{ env = "KEY" }}
        price = {{ other = "0.05" }}
        allow_private_results = true
        {plaintext}
        [observers.ledger]
        path = "{ledger}"
        required = {str(required).lower()}
        """
    )


async def started(folder, *arguments, before=(), **options):
    out = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *before, *PIXROUTE, *arguments, cwd=folder, env={**os.environ, "KEY": "k" * 20},
        **{"stdout": out, "stderr": out, **options},
    )  # fmt: skip


async def ended(process):
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, (out or b"").decode(), (err or b"").decode()


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(
    ("steps", "requests", "stage", "billing"),
    [
        (None, 1, Stage.CONNECT, Billing.FREE),
        ([Step.hang()], 1, Stage.WAIT, Billing.AMBIGUOUS),
        ([HALF], 1, Stage.BODY, Billing.AMBIGUOUS),
        ([LINK, Step.hang()], 2, Stage.BODY, Billing.AMBIGUOUS),
    ],
    ids=["connect", "wait", "body", "fetch"],
)
async def test_sigterm_settles_every_stage(tmp_path, steps, requests, stage, billing, times):
    """Exit code 143, the ledger knows the stage and what may have been billed; a second signal changes nothing."""
    async with Silent() if steps is None else ScriptedServer(*steps) as server:
        configure(tmp_path, server.origin.replace("http:", "https:") if steps is None else server.origin)
        process = await started(tmp_path, "generate", "x", "-o", "x.png")
        await server.received(requests)
        await asyncio.sleep(0.2)  # what was answered is read
        for _ in range(times):
            process.send_signal(signal.SIGTERM)
        code, _, err = await ended(process)

    (entry,) = read_ledger(tmp_path / "ledger").entries
    assert (code, entry.stage, entry.billing) == (Exit.TERMINATED, stage.name.lower(), billing), err
    assert "Terminated." in err
    assert "Traceback" not in err


async def test_sigterm_ends_a_batch(tmp_path):
    """The first waits for what is in flight, the second gives it up; all is settled."""
    (tmp_path / "prompts.txt").write_text("one\ntwo\n")
    async with ScriptedServer(Step.hang()) as server:
        configure(tmp_path, server.origin)
        process = await started(tmp_path, "batch", "prompts.txt", "-o", "out")
        await server.received(2)
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
        code, _, err = await ended(process)

    assert code == Exit.TERMINATED, err
    assert "Traceback" not in err
    assert not read_ledger(tmp_path / "ledger").unsettled


async def test_sigterm_ends_an_emulator(tmp_path):
    """It prints its bill, as after Ctrl-C, and says by its code what ended it."""
    process = await started(tmp_path, "emulate", "--port", "0")
    await process.stdout.readline()
    await asyncio.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    code, _, err = await ended(process)

    assert code == Exit.TERMINATED, err
    assert "Traceback" not in err


@pytest.mark.parametrize(("required", "code", "asked"), [(True, Exit.FAILED, 0), (False, Exit.OK, 1)])
async def test_a_ledger_on_a_full_disk(tmp_path, required, code, asked):
    """A required one starts nothing; any other is told with reason and consequence."""
    async with ScriptedServer(PICTURE) as server:
        configure(tmp_path, server.origin, "/dev/full", required=required)
        ended_as, out, err = await ended(await started(tmp_path, "generate", "x", "-o", "x.png"))

    assert (ended_as, len(server.requests)) == (code, asked), out + err
    assert "No space left on device" in err
    assert ("nothing more is asked" if required else "payments go on unrecorded") in err


async def test_a_full_disk_behind_stdout_costs_no_picture(tmp_path):
    """What cannot be said is not said; what was paid is saved."""
    async with ScriptedServer(PICTURE) as server:
        configure(tmp_path, server.origin)
        with open("/dev/full", "wb") as full:  # noqa: ASYNC230, PTH123 - a device
            _, _, err = await ended(await started(tmp_path, "generate", "x", "-o", "x.png", "--json", stdout=full))

    assert (tmp_path / "x.png").stat().st_size > 0, err
    assert "Traceback" not in err


def room(folder):
    """Give what runs a command on a disk of 1 MB in `small`, or skip."""
    unshare = shutil.which("unshare")
    mount = ["sh", "-c", 'mount -t tmpfs -o size=1m none small && exec "$@"', "sh"]
    (folder / "small").mkdir()
    if unshare is None:
        pytest.skip("unshare is not installed")
    tried = subprocess.run([unshare, "-rm", *mount, "true"], cwd=folder, check=False, capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no disk can be made here: {tried.stderr.strip()}")
    return [unshare, "-rm", *mount]


async def test_a_disk_of_one_megabyte(tmp_path):
    """A picture that does not fit is written elsewhere, told, and has an exit code of its own."""
    before = room(tmp_path)
    big = blank_png(1024, 1024)
    noise = len(big).to_bytes(4, "big") * 400_000
    chunk = b"prIv" + noise
    big = big[:33] + len(noise).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") + big[33:]
    steps = Step.json({"data": [{"b64_json": base64.b64encode(big).decode()}]})
    async with ScriptedServer(steps) as server:
        configure(tmp_path, server.origin)
        process = await started(tmp_path, "generate", "x", "-o", "small/x.png", "--json", before=before)
        code, out, err = await ended(process)

    assert code == Exit.ELSEWHERE, err
    (path,) = json.loads(out)["paths"]
    assert os.stat(path).st_size == len(big)  # noqa: PTH116 - a look
    os.unlink(path)  # noqa: PTH108 - as above
