"""`pixroute check`."""

import json

import pytest

WARNED = (
    '[chains]\ndefault = ["a"]\n[providers.a]\ntype = "nano-banana-pro-http"\nplaintext = "accept"\napi = "native"\n'
)
KEY = 'api_key = { env = "KEY" }\n'


@pytest.fixture
def write(folder, monkeypatch):
    """Write a pixroute.toml, whose key is set."""
    monkeypatch.setenv("KEY", "sk-secret")

    def write(text):
        (folder / "pixroute.toml").write_text(text)

    return write


def test_every_mistake_is_told_at_once(pixroute, write):
    """With place and what is allowed, and exit code 2."""
    write('[chains]\ndefault = ["a", "b"]\n[providers.a]\ntype = "seedreem"')

    run = pixroute("check")

    assert (run.code, run.err) == (2, "")
    assert "error  providers.a.type: no plugin offers provider type 'seedreem'" in run.out
    assert 'error  chains.default[1]: no provider is named "b"' in run.out
    assert run.out.endswith("\n2 mistakes.\n")


@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("--strict",), 1)])
def test_warnings_fail_only_the_strict(pixroute, write, arguments, code):
    """So that CI may be told to hold a configuration to them."""
    write(WARNED + KEY)

    run = pixroute("check", *arguments)

    assert (run.code, run.err) == (code, "")
    assert run.out.endswith("\n1 warning, 1 note.\n")
    assert "Fix: add a provider on another upstream" in run.out


def test_the_worst_case_is_shown_by_chain_and_size(pixroute, write):
    """It is the planner's own."""
    write(WARNED + KEY + 'price = { "4K" = "0.08" }\n[chains.gpt]\nproviders = ["g"]\n[providers.g]\n'
          'type = "openai-images"\n' + KEY)  # fmt: skip

    run = pixroute("check")

    rows = [line.split() for line in run.out.splitlines() if line.startswith(("default ", "gpt "))]
    assert rows == [
        ["default", "1K", "a", "330", "s", "unknown"],
        ["default", "2K", "a", "330", "s", "unknown"],
        ["default", "4K", "a", "630", "s", "$0.08"],
        ["gpt", "1K", "g", "330", "s", "unknown"],
        ["gpt", "2K", "g", "330", "s", "unknown"],
        ["gpt", "4K", "nobody"],
    ]


def test_a_document_for_programs(pixroute, write):
    """Findings and worst cases, and no key."""
    write(WARNED + KEY)

    document = json.loads(pixroute("check", "--json").out)

    assert [finding["level"] for finding in document["findings"]] == ["warning", "note"]
    assert document["worst"][2] == {
        "chain": "default",
        "size": "4K",
        "first": "start a",
        "seconds": 630.0,
        "cost": "0.09",
        "currency": "USD",
    }


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("--without-keys",), 0)])
def test_where_there_are_no_keys_the_rest_is_checked_all_the_same(pixroute, write, monkeypatch, arguments, code):
    """A key that is not set is a mistake, but for CI, which has no secrets."""
    write(WARNED + KEY)
    monkeypatch.delenv("KEY")

    assert pixroute("check", *arguments).code == code


def test_online_needs_the_keys(pixroute, write):
    """For it tries them."""
    write(WARNED + KEY)

    run = pixroute("check", "--online", "--without-keys")

    assert run.code == 2
    assert "--online needs the keys" in run.err


def test_a_healthy_configuration(pixroute, write):
    """Only what is to be known is left."""
    write(WARNED.replace("http", "https").replace('plaintext = "accept"\n', "") + KEY)

    run = pixroute("check", "--strict")

    assert (run.code, run.out.splitlines()[-1]) == (0, "1 note.")


def test_what_is_said_of_several_chains_is_said_once(pixroute, write):
    """The places stand together, and notes come after the table."""
    write(WARNED.replace("[providers", '[chains.other]\nproviders = ["a"]\n[providers', 1) + KEY)

    run = pixroute("check")

    assert run.out.count("add a provider on another upstream") == 1
    assert "chains.default, chains.other: " in run.out
    assert run.out.index("worst time") < run.out.index("\nnote ")


LIMITED = """
[chains]
web = ["dream", "banana", "http"]
[policy]
max_cost = "0.10"
[providers.dream]
type = "seedream"
api_key = { env = "NOT_THERE" }
[providers.banana]
type = "nano-banana-pro-https"
api_key = { env = "NOT_THERE" }
[providers.http]
type = "nano-banana-pro-http"
api_key = { env = "NOT_THERE" }
%s
"""


def test_a_limit_that_leaves_nothing_for_the_fallback_is_a_warning_and_explain_says_the_same(pixroute, folder):
    """Both ask the planner."""
    (folder / "pixroute.toml").write_text(LIMITED % 'plaintext = "accept"')

    checked = " ".join(pixroute("check", "--without-keys").out.split())
    explained = pixroute("explain", "--size", "2K").out

    assert (
        "warning policy.max_cost: is 0.10: after one doubtful attempt of dream it leaves nothing for banana, http "
        "in web at 1K, 2K, 4K" in checked
    )
    assert "after one attempt that may be billed, max_cost leaves nothing for it." in explained
    assert "dream: reserve 0 for banana, http: " in explained


def test_a_provider_without_its_key_is_checked_for_the_rest(pixroute, folder):
    """Missing keys, what cannot be made, and what may be regretted: all at once."""
    (folder / "pixroute.toml").write_text(LIMITED % "")

    run = pixroute("check")
    told = " ".join(run.out.split())

    assert run.code == 2
    assert "providers.dream.api_key, providers.banana.api_key, providers.http.api_key: the environment variable" in told
    assert "the key would travel in clear" in told
    assert told.endswith("2 mistakes.") or "2 mistakes, " in told


def test_the_file_is_named_as_by_other_commands_too(pixroute, folder):
    """`-c FILE` is what every other command takes; two files are one too many."""
    (folder / "mine.toml").write_text("[chains]\n")

    named, given = pixroute("check", "-c", "mine.toml"), pixroute("check", "mine.toml")
    both = pixroute("check", "mine.toml", "-c", "mine.toml")

    assert (named.code, named.out) == (given.code, given.out)
    assert (named.code, both.code) == (2, 2)
    assert "Name one file" in both.err
