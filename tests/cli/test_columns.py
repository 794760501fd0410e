"""On a terminal of 80 columns as on one of 160: nothing is cut, no line is longer, no word is broken."""

import re

import pytest

from pixroute.testing.emulator import FAULTS

CONFIG = """
[chains]
default = ["banana", "seedream"]
rushed = ["seedream"]
[[rules]]
when = { tags = { kind = "preview" } }
chain = "rushed"
[budgets.day]
limit = 5
per = "day"
[shared]
store = "state.db"
[observers.ledger]
path = "ledger.jsonl"
[serve]
keys = "who.json"
[providers.banana]
type = "nano-banana-pro-https"
api_key = { env = "APIYI_API_KEY" }
[providers.seedream]
type = "seedream"
api_key = { env = "APIYI_API_KEY" }
"""
HELPED = (
    "generate batch claim check explain plugins cheapest serve keys emulate ledger budgets schema simulate calibrate"
)
COMMANDS = [
    "check --emulated",
    "explain --size 4K",
    "plugins",
    "budgets",
    "cheapest",
    "cheapest --types --size 4K",
    "keys list",
    "--help",
    "keys add --help",
    "budgets settle --help",
    *(f"{name} --help" for name in HELPED.split()),
]


@pytest.fixture
def shown(pixroute, folder, monkeypatch):
    """Write a configuration; run a command as on a terminal so wide, and give its lines."""
    (folder / "pixroute.toml").write_text(CONFIG)
    monkeypatch.setenv("APIYI_API_KEY", "sk-correct-horse")
    assert pixroute("keys", "add", "a-shop-of-ours", "--chain", "default", "--per-minute", "60").code == 0

    def show(command, columns):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(columns))
        return re.sub(r"\x1b\[[\d;]*m", "", pixroute(*command.split()).out).splitlines()

    return show


@pytest.mark.parametrize("command", COMMANDS)
def test_a_screen_fits(command, shown):
    """Lines wrap at words: what stands on a narrow screen are words of a wide one."""
    narrow, wide = shown(command, 80), shown(command, 160)

    assert max(map(len, narrow)) <= 80
    assert max(map(len, wide)) <= 160
    assert not [line for line in narrow if line.endswith(("...", "…")) and "[ARGS]" not in line]
    assert set(words(narrow)) <= set(words(wide))


def test_every_word_of_a_fault_s_options_is_whole(shown):
    """One can copy it."""
    lines = shown("emulate --faults", 80)
    options = [value for kind in FAULTS.values() for value in kind.options.values() if isinstance(value, tuple)]

    assert max(map(len, lines)) <= 80
    assert {word for option in options for word in option} <= set(re.findall(r"[\w-]+", "\n".join(lines)))


def words(lines):
    """Give the words; help breaks lines behind a hyphen, and every table has rules of its own length."""
    return re.findall(r"\w+", "\n".join(lines))


def test_the_keys_are_where_the_server_looks(pixroute, folder, shown):
    """The configuration in this folder says where, as for every command; its API keys of providers are not needed."""
    assert shown("keys list", 80)[0].split() == ["prefix", "name", "role", "may", "ask", "a", "minute", "added"]
    assert (folder / "who.json").exists()
    assert not (folder / "pixroute-keys.json").exists()


def test_a_mistake_in_an_observer_s_table_is_told_once(pixroute, folder, monkeypatch):
    """Its plugin is not asked to make something of settings that could not be read."""
    monkeypatch.setenv("APIYI_API_KEY", "sk-correct-horse")
    (folder / "pixroute.toml").write_text(CONFIG.replace('path = "ledger.jsonl"', 'file = "ledger.jsonl"'))

    told = pixroute("check").out

    assert "observers.ledger.file: is not known here" in told
    assert "AttributeError" not in told


def test_a_ledger_without_attempts_says_so(pixroute, folder):
    """An empty table would look like a fault."""
    (folder / "ledger.jsonl").touch()

    assert pixroute("ledger", "ledger.jsonl").out == "It tells of no attempt.\n"
