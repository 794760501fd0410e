"""The command line, run in this process, in an empty folder and without a key."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from pixroute.cli import main


class Run(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, whatever the tester's own configuration is."""
    monkeypatch.chdir(tmp_path)
    for name in ("APIYI_API_KEY", "PIXROUTE_CONFIG", "PIXROUTE_DISABLE_PLUGINS", "PIXROUTE_TRACEBACK", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def pixroute(folder, capsys) -> Callable[..., Run]:
    """Run `pixroute` with these arguments."""

    def run(*arguments: str) -> Run:
        code = main(arguments)
        return Run(code, *capsys.readouterr())

    return run


@pytest.fixture
def write_config(folder):
    """Write a pixroute.toml with one provider."""

    def write(type_="nano-banana-pro-http", extra="", name="pixroute.toml"):
        text = f'[chains]\ndefault = ["a"]\n[providers.a]\ntype = "{type_}"\napi_key = {{ env = "KEY" }}\n{extra}\n'
        (folder / name).write_text(text)

    return write
