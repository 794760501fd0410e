"""SIGTERM before TLS, of a batch and of an emulator, and a full disk behind stdout: in processes of their own."""

import asyncio
import base64
import os
import signal
import sys

import pytest

from pixroute.cli.exits import Exit
from pixroute.ledger import read_ledger
from pixroute.outcome import Billing
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step

pytestmark = pytest.mark.slow  # each test starts an interpreter

PIXROUTE = [sys.executable, "-c", "import sys; from pixroute.cli import main; sys.exit(main())"]
PICTURE = Step.json({"data": [{"b64_json": base64.b64encode(blank_png(1024, 1024)).decode()}]})


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
async def test_sigterm_before_anything_was_sent_is_free(tmp_path, times):
    """Exit code 143, the ledger knows that nothing left; a second signal changes nothing."""
    async with Silent() as server:
        configure(tmp_path, server.origin.replace("http:", "https:"))
        process = await started(tmp_path, "generate", "x", "-o", "x.png")
        await server.received(1)
        for _ in range(times):
            process.send_signal(signal.SIGTERM)
        code, _, err = await ended(process)

    (entry,) = read_ledger(tmp_path / "ledger").entries
    assert (code, entry.stage, entry.billing) == (Exit.TERMINATED, "connect", Billing.FREE), err
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


async def test_a_full_disk_behind_stdout_costs_no_picture(tmp_path):
    """What cannot be said is not said; what was paid is saved."""
    async with ScriptedServer(PICTURE) as server:
        configure(tmp_path, server.origin)
        with open("/dev/full", "wb") as full:  # noqa: ASYNC230, PTH123 - a device
            _, _, err = await ended(await started(tmp_path, "generate", "x", "-o", "x.png", "--json", stdout=full))

    assert (tmp_path / "x.png").stat().st_size > 0, err
    assert "Traceback" not in err
