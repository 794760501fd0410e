"""`pixroute emulate`: a process of its own, as its users have it."""

import asyncio
import signal
import socket
import sys

import pytest

from pixroute import Router
from pixroute.testing.emulator import FAULTS

COMMAND = [sys.executable, "-c", "import sys; from pixroute.cli import main; sys.exit(main())", "emulate"]
ANYWHERE = ["--port", "0", "--tls-port", "0"]


def test_all_faults_are_listed(pixroute):
    """With what happens; the list is the emulator's own."""
    run = pixroute("emulate", "--faults")

    assert run.code == 0
    assert {line.split(" ")[0] for line in run.out.splitlines()} >= FAULTS.keys()


@pytest.mark.slow  # a process of its own, and pictures made for real
@pytest.mark.parametrize("tls", [[], ["--tls"]])
async def test_the_file_it_prints_works_as_it_stands(folder, monkeypatch, tls):
    """Pasted, it is a configuration whose pictures come from the emulator; the ledger at the end knows them."""
    monkeypatch.setenv("APIYI_API_KEY", "any")
    arguments = [*COMMAND, *ANYWHERE, *tls, "--time-scale", "0.01", "--fault", "banana=forbidden"]
    process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE, cwd=folder)
    greeting = (await process.stdout.readuntil(b"Ctrl-C ends it.\n")).decode().removesuffix("Ctrl-C ends it.\n")
    (folder / "pixroute.toml").write_text(greeting[greeting.index("[chains]") :])

    async with Router.from_toml("pixroute.toml") as router:
        result = await router.generate("x", size="2K")
    process.send_signal(signal.SIGINT)
    ledger, _ = await process.communicate()

    assert result.provider == "seedream"
    assert process.returncode == 0
    assert ledger.endswith(b" 1 made, 1 billed.\n")
    assert b"forbidden" in ledger


def test_a_port_that_is_taken_is_named(pixroute):
    """One sentence, and the code of bad input."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        run = pixroute("emulate", "--port", str(port))

    assert run.code == 2
    assert run.err.startswith(f"Error: 127.0.0.1 port {port} is taken by another program")
