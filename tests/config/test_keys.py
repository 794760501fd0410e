"""Keys that cannot be right, told before anything is sent with them."""

from pathlib import Path

import pytest

from pixroute.config.build import build
from pixroute.config.check import examine
from pixroute.config.load import structure
from pixroute.errors import ConfigError
from pixroute.plugins import load_plugins

PATH = "providers.a.api_key"


def config(key, **settings):
    mapping = {"chains": {"default": ["a"]}, "providers": {"a": {"type": "openai-images", "api_key": key, **settings}}}
    return structure(mapping, load_plugins(), base=Path(), env={"KEY": key} if isinstance(key, str) else {})


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("sk-one\nsk-two", "it holds a line end (2 lines)"),
        ("sk-one\r\nsk-two\r\nsk-three", "it holds a line end (3 lines)"),
        ("sk-one\n", "it ends with a line end"),
        ("sk-\0one", "it holds a NUL"),
    ],
)
def test_a_key_with_a_line_end_in_it(key, why):
    """A configuration error that names the place and shows nothing of the key."""
    with pytest.raises(ConfigError) as caught:
        config(key)

    assert [(one.path, one.message) for one in caught.value.problems] == [(PATH, f"the key cannot be sent: {why}")]
    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize("where", ["env", "file"])
def test_two_keys_in_one_variable_or_file(where, tmp_path):
    """As in code; white space at the ends is no part of a key."""
    (tmp_path / "key").write_text("sk-one\nsk-two\n")
    provider = {"type": "openai-images", "api_key": {"env": "KEY"} if where == "env" else {"file": "key"}}
    mapping = {"chains": {"default": ["a"]}, "providers": {"a": provider}}

    with pytest.raises(ConfigError, match=r"line end \(2 lines\)"):
        structure(mapping, load_plugins(), base=tmp_path, env={"KEY": "sk-one\nsk-two\n"})


@pytest.mark.parametrize(
    ("key", "doubt"),
    [
        ("sk-\u200bhidden-in-it", "the key cannot be sent: it holds U+200B, which is no character of a key"),
        ("sk-your-密钥-here", "the key cannot be sent: it holds U+5BC6, which is no character of a key"),
        ('"sk-in-quotes"', "the key stands in quotes, which are sent with it"),
        ("Bearer sk-prefixed", "the key begins with `Bearer`, which is added where it is needed"),
        ("Key 0123-4567:89ab", "the key begins with `Key`, which is added where it is needed"),
        ("token r8_prefixed", "the key begins with `Token`, which is added where it is needed"),
        ("sk-a", "the key has fewer than 8 characters, so it is taken out of the words of others only where it stands"),
    ],
)
def test_a_key_that_is_likely_wrong(key, doubt):
    """`check` warns, at the key's own place, without showing it."""
    found = [one for one in examine(build(config(key))) if one.path == PATH]

    assert [one.level for one in found] == ["warning"]
    assert found[0].message.startswith(doubt)
    assert key not in found[0].message


def test_a_source_that_raises_at_load_is_not_the_plugins_bug():
    """The type of what it raised is told, its text is not."""

    def vault():
        raise ConnectionError("no route to vault with token hunter2")

    with pytest.raises(ConfigError) as caught:
        build(config(vault))

    assert "its source raised ConnectionError" in str(caught.value)
    assert "plugin" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_settings_show_no_header_and_no_proxy():
    """Both may hold secrets, and settings stand in every configuration's repr."""
    settings = {"headers": {"X-Team": "team-secret"}, "proxy": "http://user:hunter2@proxy:3128"}
    read = config("sk-long-enough", **settings)

    for shown in (repr(read), repr(read.providers["a"]), repr(read.providers["a"].settings)):
        assert "team-secret" not in shown
        assert "hunter2" not in shown


def test_a_header_with_a_line_end():
    """What no request could carry is told when the provider is made."""
    with pytest.raises(ConfigError, match="`headers` has 'X-Team', whose value holds a line end or a NUL"):
        build(config("sk-long-enough", headers={"X-Team": "a\r\nX-Other: b"}))
