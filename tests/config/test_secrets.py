from __future__ import annotations

import logging
import os
import pickle
from pathlib import Path

import pytest

from pixroute.config.secrets import FromEnvironment, FromFile
from pixroute.errors import ConfigError
from pixroute.secret import Secret


def rotate(path: Path, key: str) -> None:
    """Put a new file in the old one's place, as mounted secrets are rotated."""
    new = path.with_suffix(".new")
    new.write_text(key)
    new.replace(path)


def key_of(config) -> str:
    return config.providers["a"].settings.api_key.reveal()


def test_a_variable_is_read_at_each_use():
    """A changed variable takes effect at once, without white space around it."""
    env = {"KEY": " sk-1\n"}
    secret = Secret(FromEnvironment("KEY", env))
    first = secret.reveal()

    env["KEY"] = "sk-2"

    assert (first, secret.reveal()) == ("sk-1", "sk-2")


def test_a_file_is_read_again_when_it_changes(read, tmp_path):
    """A rotated file takes effect at once; its path begins at the configuration's folder."""
    path = tmp_path / "key"
    path.write_text("\ufeffsk-1\n", encoding="utf-8")
    config = read.one(api_key={"file": "key"})
    first = key_of(config)

    rotate(path, "sk-2\n")

    assert (first, key_of(config)) == ("sk-1", "sk-2")


def test_a_file_rewritten_in_place_is_read_again(tmp_path):
    """Same inode and size, another time: read again."""
    path = tmp_path / "key"
    path.write_text("sk-1")
    os.utime(path, ns=(1, 1))
    secret = FromFile(path)
    first = secret()

    path.write_text("sk-2")
    os.utime(path, ns=(2, 2))

    assert (first, secret()) == ("sk-1", "sk-2")


def test_an_unchanged_file_is_not_read_again(tmp_path):
    """A file that did not change costs a stat: bytes changed behind its time, inode and size go unseen."""
    path = tmp_path / "key"
    path.write_text("sk-1")
    os.utime(path, ns=(1, 1))
    secret = FromFile(path)
    secret()

    path.write_text("sk-2")
    os.utime(path, ns=(1, 1))

    assert secret() == "sk-1"


@pytest.mark.parametrize(
    "spoil", [Path.unlink, lambda path: path.write_text(""), lambda path: path.write_bytes(b"\xff")]
)
def test_a_rotation_in_progress_leaves_the_last_key(spoil, tmp_path):
    """While the file is missing, empty or unreadable the last key stays in use."""
    path = tmp_path / "key"
    path.write_text("sk-1")
    secret = FromFile(path)
    secret()

    spoil(path)

    assert secret() == "sk-1"


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read: No such file"), (b" \n", "is empty"), (b"\xff", "cannot be read: it is not text")],
)
def test_a_file_that_never_held_a_key_is_told(content, message, read, tmp_path):
    """A missing, empty or binary file is a problem of the configuration."""
    if content is not None:
        (tmp_path / "key").write_bytes(content)

    with pytest.raises(ConfigError, match=message):
        read.one(api_key={"file": "key"})


def test_a_disabled_provider_may_miss_its_key(read):
    """`enabled = false` leaves a provider in the file whose key is not here."""
    unset = {"type": "acme", "api_key": {"env": "UNSET"}, "enabled": False}

    config = read({"chains": {"default": ["a", "b"]}, "providers": {"a": {"type": "acme"}, "b": unset}})

    assert config.chains["default"].providers == ("a",)
    assert not config.providers["b"].enabled


@pytest.mark.parametrize("given", [Secret("sk-1"), lambda: "sk-1", "sk-1", {"env": "KEY"}])
def test_code_may_give_a_secret_in_any_form(given, read):
    """A mapping made by code may hold a Secret, a callable or the key itself."""
    mapping = {"chains": {"default": ["a"]}, "providers": {"a": {"type": "acme", "api_key": given}}}

    config = read(mapping, env={"KEY": "sk-1"}, clear_keys=True)

    assert key_of(config) == "sk-1"


def test_a_callable_is_not_called_while_reading(read):
    """Code's own source of keys may ask a vault; it is asked when the key is needed, not before."""
    asked = []

    read.one(api_key=lambda: asked.append(1) or "sk-1")

    assert asked == []


def test_a_key_is_never_shown(read, caplog):
    """Neither a configuration nor a Secret shows the key, by repr, str, format or logging, nor is it pickled."""
    config = read.one(api_key={"env": "KEY"})
    secret = config.providers["a"].settings.api_key

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("pixroute").debug("%s %r %s", secret, config, config.providers)

    assert secret.reveal() == "sk-secret"
    assert "sk-secret" not in f"{config} {config!r} {secret} {secret!r} {config.providers} {caplog.text}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
