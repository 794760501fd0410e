"""`pixroute serve`, as a process."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # starts processes

CONFIG = """
[chains]
default = ["a"]
[providers.a]
type = "openai-images"
api_key = { env = "KEY" }
[serve]
port = 0
drain = 1
models = { "gpt-image-1" = "%s" }
"""


class Server:
    """A gateway in a process of its own."""

    def __init__(self, *arguments, env=None):
        command = [
            sys.executable,
            "-c",
            "import sys; from pixroute.cli import main; sys.exit(main(sys.argv[1:]))",
            "serve",
            *arguments,
        ]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
        )
        for line in self.process.stdout:
            if found := re.search(r"Listening: (\S+)/v1", line):
                self.url = found[1]
                return
        raise AssertionError(self.process.stderr.read())

    def post(self, body):
        """Ask for a picture; give the status and the document."""
        request = urllib.request.Request(
            f"{self.url}/v1/images/generations", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def told(self, words):
        """Read what it says until it says this."""
        for line in self.process.stderr:
            if words in line:
                return line
        raise AssertionError(f"never said: {words}")


@pytest.fixture
def serve(folder):
    """Start servers; all are killed at the end."""
    started = []

    def start(*arguments, **options):
        started.append(Server(*arguments, **options))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.communicate()


def test_one_command_and_no_key(serve):
    """The emulator answers; SIGTERM ends it with 0."""
    server = serve("--emulated", "--port", "0")

    status, answer = server.post({"model": "gpt-image-1", "prompt": "A lighthouse", "size": "4K"})
    server.process.send_signal(signal.SIGTERM)

    assert (status, answer["pixroute"]["fell_back"]) == (200, True)
    assert server.process.wait(10) == 0


def test_the_page_s_example_works(serve, capsys):
    """docs/serve.md shows five lines of Python."""
    page = (Path(__file__).parents[2] / "docs" / "serve.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    server = serve("--emulated", "--port", "0")

    exec(example.replace("http://127.0.0.1:8080", server.url), {})

    assert "'fell_back': True" in capsys.readouterr().out


def test_sighup_reads_the_file_again(serve, folder):
    """Names change at once; a file with mistakes changes nothing."""
    file = folder / "pixroute.toml"
    file.write_text(CONFIG % "default")
    server = serve(env={"KEY": "any"})
    file.write_text((CONFIG % "default").replace("gpt-image-1", "other"))
    server.process.send_signal(signal.SIGHUP)
    server.told("Reloaded")

    status, answer = server.post({"model": "gpt-image-1", "prompt": "a"})
    file.write_text(CONFIG % "nobody")
    server.process.send_signal(signal.SIGHUP)

    assert (status, answer["error"]["kind"]) == (404, "model_not_found")
    assert "other" in answer["error"]["message"]
    assert "the old configuration stays" in server.told("Not reloaded")


def test_a_place_that_others_reach_is_refused(pixroute):
    """For nobody would be asked for a key."""
    run = pixroute("serve", "--emulated", "--host", "0.0.0.0")

    assert run.code == 2
    assert "serve.host: is 0.0.0.0, which other machines reach" in run.err


def test_a_model_that_means_nobody_is_a_mistake(pixroute, folder, monkeypatch):
    """Told with what is near."""
    monkeypatch.setenv("KEY", "any")
    (folder / "pixroute.toml").write_text(CONFIG % "defaul")

    run = pixroute("check")

    assert "serve.models.gpt-image-1" in run.out
    assert "did you mean default?" in " ".join(run.out.split())
