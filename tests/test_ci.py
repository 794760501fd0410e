"""Which Pythons CI calls."""

import os
import subprocess
from pathlib import Path

import pytest

PYTHONS = Path(__file__).parents[1] / ".ci" / "pythons"
HAD = "2.7.18 3.9.18 3.11.7 3.11.12 3.12.1 3.13.0 3.13.1 3.13.0rc1 3.14-dev pypy3.11-7.3.19"


@pytest.fixture
def pyenv(tmp_path, monkeypatch):
    """Let there be no pyenv but ours, which has these versions."""

    def have(versions):
        (tmp_path / "pyenv").write_text(f"#!/bin/sh\nprintf '%s\\n' {versions}\n")
        (tmp_path / "pyenv").chmod(0o755)

    places = os.environ["PATH"].split(":")
    without = [place for place in places if not (Path(place) / "pyenv").exists()]
    monkeypatch.setenv("PATH", ":".join([str(tmp_path), *without]))
    return have


def told():
    """Give what the script prints."""
    return subprocess.run([PYTHONS], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    ("versions", "expected"),
    [(HAD, "3.11.12:3.12.1:3.13.1"), ("3.9.18 3.12.1", "3.12.1"), ("3.9.18", ""), ("", "")],
    ids=["all", "one", "none that counts", "none at all"],
)
def test_the_newest_of_each_is_callable(pyenv, versions, expected):
    """Of 3.11, 3.12 and 3.13, in this order; releases only."""
    pyenv(versions)

    assert told() == expected


def test_without_pyenv_nothing_is_said(pyenv):
    """The interpreter that is there has to do."""
    assert told() == ""
