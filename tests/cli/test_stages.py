"""SIGTERM wherever a request stands, and disks that are full: real processes before a real upstream."""

import asyncio
import base64
import signal
import subprocess
import sys

import pytest

from pixroute.ledger import read_ledger
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step

pytestmark = pytest.mark.slow  # each test starts processes

PIXROUTE = [sys.executable, "-c", "import sys; from pixroute.cli import main; sys.exit(main())"]
HALF = Step.reply(200, b'{"data": [{"b64_json": "' + b"iVBORw0K" * 9000, {"Content-Length": "900000"}) + Step.hang()
CONFIG = """
[chains]
default = ["one"]
[providers.one]
type = "openai-images"
base_url = "{origin}/v1"
model = "m"
plaintext = "accept"
allow_private_results = true
api_key = {{ env = "KEY" }}
[policy.retry]
rounds = []
[observers.ledger]
path = "ledger.jsonl"
"""


async def ended_in(folder, monkeypatch, server, *, times=1):
    """Start a picture, wait until it has come as far as `server` lets it, and end the process; give code and words."""
    monkeypatch.setenv("KEY", "sk-test-key-of-length")
    (folder / "pixroute.toml").write_text(CONFIG.format(origin=server.origin))
    process = await asyncio.create_subprocess_exec(
        *PIXROUTE, "generate", "x", "-o", "x.png", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    await server.received(1)
    await asyncio.sleep(0.3)
    for _ in range(times):
        process.send_signal(signal.SIGTERM)
    _, err = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, err.decode()


@pytest.mark.parametrize(("stage", "step"), [("wait", Step.hang()), ("body", HALF)])
async def test_sigterm_in_every_stage_settles_the_ledger(folder, monkeypatch, stage, step):
    """Exit 143, the line that began is ended as perhaps billed, and there is no traceback."""
    async with ScriptedServer(step) as server:
        code, err = await ended_in(folder, monkeypatch, server)

    report = read_ledger(folder / "ledger.jsonl")
    assert (code, report.unsettled) == (143, ())
    assert [(entry.stage, entry.billing) for entry in report.entries] == [(stage, "ambiguous")]
    assert "Traceback" not in err


async def test_sigterm_while_a_result_is_fetched_keeps_its_url(folder, monkeypatch):
    """The picture is paid: the ledger says where it lies."""
    async with ScriptedServer(Step.hang()) as files:
        url = f"{files.origin}/1.png"
        async with ScriptedServer(Step.json({"data": [{"url": url}]})) as server:
            code, _ = await ended_in(folder, monkeypatch, server)

    (entry,) = read_ledger(folder / "ledger.jsonl").entries
    assert (code, entry.url) == (143, url)


SLOW_DISK = """
import pathlib, sys, time
was = pathlib.Path.{step}
def slow(path, *args, **options):
    if path.suffix == ".part":
        print("saving", file=sys.stderr, flush=True)
        time.sleep(1)
    return was(path, *args, **options)
pathlib.Path.{step} = slow
from pixroute.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("step", ["open", "replace"])
@pytest.mark.parametrize(
    ("command", "times", "code"),
    [
        (("generate", "x", "-o", "out/x.png"), 1, 143),
        (("batch", "prompts.txt", "-o", "out"), 2, 0),  # all that was asked is done
    ],
)
async def test_sigterm_while_saving_loses_no_picture(folder, monkeypatch, command, times, code, step):
    """It is paid: whole under its name, nothing beside it, nothing bought again."""
    monkeypatch.setenv("KEY", "sk-test-key-of-length")
    picture = blank_png(1024, 1024)
    answer = Step.json({"data": [{"b64_json": base64.b64encode(picture).decode()}]})
    (folder / "prompts.txt").write_text("one\n")
    async with ScriptedServer(answer) as server:
        (folder / "pixroute.toml").write_text(CONFIG.format(origin=server.origin))
        (folder / "out").mkdir()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SLOW_DISK.format(step=step), *command),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        await asyncio.wait_for(process.stderr.readuntil(b"saving\n"), 20)
        for _ in range(times):
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.1)
        _, err = await asyncio.wait_for(process.communicate(), 20)
        bought = len(server.requests)

    assert (process.returncode, bought) == (code, 1), err
    assert [path.read_bytes() for path in (folder / "out").rglob("*.p*")] == [picture], err
    assert b"Traceback" not in err


def on_a_full_disk(folder, *command):
    """Run where `full/` is a file system of 16 KiB."""
    mount = 'mount -t tmpfs -o size=16k none full && exec "$@"'
    (folder / "full").mkdir()
    try:
        subprocess.run(["unshare", "-rm", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("user namespaces are not permitted here")
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, "sh", *PIXROUTE, *command], capture_output=True, text=True, check=False
    )


def test_a_disk_that_is_full_after_paying_loses_no_picture(folder):
    """It is written elsewhere, where is told, and the code is one of its own."""
    ended = on_a_full_disk(folder, "generate", "x", "--emulated", "--fault", "none", "--size", "4K", "-o", "full/x.png")

    assert ended.returncode == 7, ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_ledger_on_a_full_device_says_why_and_what_follows(folder, monkeypatch):
    """Payments go on unrecorded, or where it is required nothing is asked."""
    monkeypatch.setenv("KEY", "sk-test-key-of-length")
    told = {}
    for required in ("false", "true"):
        text = CONFIG.format(origin="http://127.0.0.1:9").replace(
            '"ledger.jsonl"', f'"/dev/full"\nrequired = {required}'
        )
        (folder / "pixroute.toml").write_text(text)
        told[required] = subprocess.run([*PIXROUTE, "generate", "x"], capture_output=True, text=True, check=False)

    assert {one.returncode for one in told.values()} == {1}
    assert "No space left on device" in told["false"].stderr + told["false"].stdout
    assert "make the ledger writable" in told["true"].stderr + told["true"].stdout
