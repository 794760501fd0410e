"""`pixroute serve --processes`: several on one port, started anew when one dies, ended together."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # starts processes

COMMAND = [sys.executable, "-c", "import sys; from pixroute.cli import main; sys.exit(main(sys.argv[1:]))"]
CONFIG = """
[chains]
default = ["a"]
[providers.a]
type = "openai-images"
api_key = { env = "KEY" }
[shared]
store = "shared.sqlite"
[serve]
port = 0
processes = 3
shared_keys = true
"""


def children(process):
    """Give the processes that one started."""
    return {int(one) for one in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()}


def wait_for(what):
    """Wait until it is so."""
    until = time.monotonic() + 30
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def serving(folder):
    """Serve by three processes; gives the first and the URL."""
    (folder / "pixroute.toml").write_text(CONFIG)
    process = subprocess.Popen(
        [*COMMAND, "serve"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "KEY": "any"}
    )
    said = ""
    while "Listening" not in said and (line := process.stdout.readline()):
        said += line
    yield process, said.rpartition("Listening: ")[2].split("/v1")[0]
    process.kill()
    process.communicate()


def served_by(url, count, key):
    """Ask so often, each time by a connection of its own; count the answers' statuses."""
    statuses = Counter()
    for _ in range(count):
        request = urllib.request.Request(f"{url}/v1/models", headers={"x-api-key": key})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                json.load(answer)
                statuses[answer.status] += 1
        except urllib.error.HTTPError as error:
            statuses[error.code] += 1
            error.close()
    return statuses


def run(*arguments):
    """Run another command; give what it prints."""
    command = [*COMMAND, *arguments]
    return subprocess.run(command, env={**os.environ, "KEY": "any"}, capture_output=True, text=True, check=True).stdout


def test_they_share_a_port_and_the_keys(serving):
    """A key that is added opens all of them, and one that is revoked none, within two seconds."""
    process, url = serving
    assert len(children(process)) == 3

    key = run("keys", "add", "shop", "-c", "pixroute.toml").strip()
    time.sleep(2)
    before = served_by(url, 30, key)
    run("keys", "revoke", key[4:12], "-c", "pixroute.toml")
    time.sleep(2)

    assert (before, served_by(url, 30, key)) == ({200: 30}, {401: 30})
    assert key[4:12] in run("keys", "list", "-c", "pixroute.toml")


def test_one_that_dies_is_started_anew(serving):
    """The others serve meanwhile."""
    process, url = serving
    before = children(process)
    os.kill(killed := min(before), signal.SIGKILL)
    wait_for(lambda: len(children(process) - before) == 1)

    assert before - children(process) == {killed}
    assert served_by(url, 5, "none") == {401: 5}


def test_they_end_together(serving):
    """SIGTERM ends all and gives 0; nobody is left behind."""
    process, _ = serving
    living = children(process)
    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=20) == 0
    assert not any(Path(f"/proc/{one}").exists() for one in living)


def test_nobody_outlives_the_first(serving):
    """Not even where it is killed: they would hold the port for ever."""
    process, _ = serving
    living = children(process)
    process.kill()
    process.wait()

    wait_for(lambda: not any(Path(f"/proc/{one}").exists() for one in living))


def test_they_read_their_configuration_again(serving, folder):
    """All of them, at one SIGHUP."""
    process, _ = serving
    process.send_signal(signal.SIGHUP)

    lines = [process.stderr.readline() for _ in range(3)]
    assert all("Reloaded" in line for line in lines), lines


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[shared]\nstore", "[policy.retry]\n#"), "several processes know of each other by [shared]"),
        (("shared_keys = true", 'host = "0.0.0.0"'), "there are no API keys"),
    ],
)
def test_what_cannot_begin_is_told_once(folder, change, words):
    """And ends with an error."""
    (folder / "pixroute.toml").write_text(CONFIG.replace(*change))

    ended = subprocess.run(
        [*COMMAND, "serve"], env={**os.environ, "KEY": "any"}, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode not in (0, -9), ended
    assert words in ended.stderr
