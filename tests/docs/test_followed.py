"""The first hour and the tutorial are followed to the letter, each from an empty folder."""

import os
import random
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MINUTES = {
    "first-hour.md": 2 + 10 + 5,
    "tutorial-your-provider.md": 15,
}  # what the first hour promises, reader included
BLOCK = re.compile(r'```(\w+)(?: title="([^"]+)")?\n(.*?)```', re.DOTALL)
TROUBLE = re.compile(r"\b[1-9]\d* failed\b")


@pytest.mark.slow  # builds a wheel, makes an environment and installs into it: most of a minute
@pytest.mark.parametrize("page", MINUTES)
def test_a_page_can_be_followed(page, wheels, tmp_path, monkeypatch):
    """Every file is written and every command run, in order; each shows what the page says and ends as it should."""
    for name in [name for name in os.environ if name.startswith(("PYTEST", "PYTHON", "VIRTUAL"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    folder = tmp_path / "empty"
    folder.mkdir()
    began = time.monotonic()

    for language, title, text in BLOCK.findall(on_free_ports((ROOT / "docs" / page).read_text())):
        if title:
            (folder / title).parent.mkdir(exist_ok=True)
            (folder / title).write_text(text)
        else:
            assert language == "console", f"nobody runs this {language}: {text}"
            run_all(text, folder, monkeypatch)
    assert (time.monotonic() - began) / 60 < MINUTES[page] / 2  # the other half is for reading


def on_free_ports(text):
    """Let a page's servers listen where nobody does, below the ports that the system gives away."""
    ours = iter(sorted(range(20000, 32000), key=lambda _port: random.random()))
    plain, service = next(filter(is_free, ours)), next(filter(is_free, ours))
    text = text.replace("emulate --time-scale", f"emulate --port {plain} --time-scale")
    return text.replace("16888", str(plain)).replace("8080", str(service))


def is_free(port):
    """Try to listen there."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Give a folder in which pip finds this checkout when it is asked for pixroute."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def run_all(console, folder, monkeypatch):
    """Run the commands of a block one by one, and compare what each shows; what is exported stays."""
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", console, re.MULTILINE):
        if exported := re.fullmatch(r"export (\w+)=(\w+)", command):
            monkeypatch.setenv(*exported.groups())
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

        assert bool(TROUBLE.search(shown)) == bool(done.returncode), f"{command} gave {done.returncode}\n{done.stdout}"
        pattern = ".*".join(re.escape(part) for part in shown.replace("…\n…", "…").strip().split("…"))
        assert re.search(pattern, done.stdout, re.DOTALL), f"{command} showed\n{done.stdout}\nand not\n{shown}"
