"""The tutorial is followed to the letter, from an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial-your-provider.md"
BLOCK = re.compile(r'```(\w+)(?: title="([^"]+)")?\n(.*?)```', re.DOTALL)
TROUBLE = re.compile(r"\b[1-9]\d* failed\b")


@pytest.mark.slow  # builds a wheel, makes an environment and installs into it: most of a minute
def test_the_tutorial_can_be_followed(tmp_path, monkeypatch):
    """Every file is written and every command run, in order; each shows what the page says and ends as it should."""
    for name in [name for name in os.environ if name.startswith(("PYTEST", "PYTHON", "VIRTUAL"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel_in(tmp_path / "wheels")))
    folder = tmp_path / "empty"
    folder.mkdir()

    for language, title, text in BLOCK.findall(PAGE.read_text()):
        if title:
            (folder / title).parent.mkdir(exist_ok=True)
            (folder / title).write_text(text)
        else:
            assert language == "console", f"nobody runs this {language}: {text}"
            run_all(text, folder)


def wheel_in(folder):
    """Give a folder in which pip finds this checkout when it is asked for pixroute."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def run_all(console, folder):
    """Run the commands of a block one by one, and compare what each shows."""
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", console, re.MULTILINE):
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
