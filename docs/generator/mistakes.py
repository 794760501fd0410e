"""The page of wrong configurations and wrong calls: each is tried, and what it says is written down."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from generator.markdown import Lines
from pixroute.config.build import build
from pixroute.config.load import load
from pixroute.errors import ConfigError
from pixroute.plugins import load_plugins
from pixroute.testing import FakeProvider, fake_router, run_virtual

KEYS = {"OPENAI_API_KEY": "any", "ARK_API_KEY": "any"}
WORKING = """\
[chains]
default = ["openai"]

[providers.openai]
type = "openai-images"
api_key = { env = "OPENAI_API_KEY" }
"""
PROVIDER = WORKING.partition("\n\n")[2]
HEAD = """\
# What it says when you are wrong

A wrong configuration ends before anything is started: `pixroute check` and `Router.from_toml` tell all its mistakes at
once, each with its place. A wrong argument of `generate` is a `ValueError` before anything is sent. The sentences below
are what this version says: the page is made by trying.
"""


class Wrong(NamedTuple):
    """A mistake: its title, and the file or the lines that are added to a working one."""

    title: str
    text: str
    whole: bool = False


class Call(NamedTuple):
    """A wrong call: as it is written, and done."""

    text: str
    arguments: Mapping[str, Any]
    prompt: Any = "A lighthouse"


CONFIGURATIONS = (
    Wrong("Not TOML", '[chains]\ndefault = ["openai"\n', whole=True),
    Wrong("No chain", PROVIDER, whole=True),
    Wrong("A chain that names nobody", WORKING.replace('["openai"]', '["opnai"]'), whole=True),
    Wrong("A chain without providers", WORKING.replace('["openai"]', "[]"), whole=True),
    Wrong("One provider twice", WORKING.replace('["openai"]', '["openai", "openai"]'), whole=True),
    Wrong("A type that no plugin offers", WORKING.replace("openai-images", "openai-image"), whole=True),
    Wrong("A key in the file", WORKING.replace('{ env = "OPENAI_API_KEY" }', '"sk-live-0123456789"'), whole=True),
    Wrong("A variable that is not set", WORKING.replace("OPENAI_API_KEY", "OPENAI_KEY"), whole=True),
    Wrong("A key file that is not there", WORKING.replace('env = "OPENAI_API_KEY"', 'file = "openai.key"'), whole=True),
    Wrong("A setting misspelt", "conect_timeout = 5\n"),
    Wrong("A number as text", 'max_in_flight = "50"\n'),
    Wrong("A time-out of nothing", "attempt_timeout = 0\n"),
    Wrong("A size that is none", "attempt_timeout = { 4k = 600 }\n"),
    Wrong("A price that is none", "price = { 1K = -0.04 }\n"),
    Wrong("A limit misspelt", "[policy]\nmax_possibly_bill = 1\n"),
    Wrong("A word that is none of the choices", '[policy]\non_moderated = "again"\n'),
    Wrong("Money that is none", '[policy]\nmax_cost = "ten cents"\n'),
    Wrong(
        "A rule to a chain that is not there", '[[rules]]\nwhen = { tags = { team = "studio" } }\nchain = "studio"\n'
    ),
    Wrong("A budget without a period", '[budgets.team]\nlimit = "50"\n'),
    Wrong("An observer that nobody offers", '[observers.books]\ntype = "leger"\n'),
    Wrong("Several mistakes", 'timeuot = 5\nhedge_after = "soon"\n[policy]\nmax_attempts = 0\n'),
)
CALLS = (
    Call('generate("")', {}, ""),
    Call("generate(None)", {}, None),
    Call('generate("A lighthouse", size=4096)', {"size": 4096}),
    Call('generate("A lighthouse", size="8K")', {"size": "8K"}),
    Call('generate("A lighthouse", aspect_ratio="wide")', {"aspect_ratio": "wide"}),
    Call('generate("A lighthouse", n="2")', {"n": "2"}),
    Call('generate("A lighthouse", references="a.png")', {"references": "a.png"}),
    Call('generate("A lighthouse", output_format="bmp")', {"output_format": "bmp"}),
    Call('generate("A lighthouse", timeout="5")', {"timeout": "5"}),
    Call('generate("A lighthouse", max_cost="a lot")', {"max_cost": "a lot"}),
    Call('generate("A lighthouse", chain="nope")', {"chain": "nope"}),
    Call('generate("A lighthouse", hedge_aftr=10)', {"hedge_aftr": 10}),
)


def mistakes() -> Lines:
    """Write the page."""
    yield from HEAD.splitlines()
    yield from ("", "## Configurations", "", "Where only a line or a table is shown, it stands at the end of this:", "")
    yield from _fenced(WORKING)
    for wrong in CONFIGURATIONS:
        yield from ("", f"### {wrong.title}", "")
        yield from _fenced(wrong.text)
        yield ""
        yield from "\n>\n".join(f"> {line}" for line in said_of_file(wrong)).splitlines()
    yield from ("", "## Calls", "")
    for call in CALLS:
        yield from (f"### `{call.text}`", "", f"> {said_of_call(call)}", "")
    yield from ("Each is said before a provider is asked: nothing is sent, nothing is billed.",)


def _fenced(text: str) -> Lines:
    yield "```text"
    yield from text.splitlines()
    yield "```"


def said_of_file(wrong: Wrong) -> list[str]:
    """Give the lines that are said, but for the heading, which names the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pixroute.toml"
        path.write_text(wrong.text if wrong.whole else WORKING + wrong.text, encoding="utf-8")
        try:
            build(load(path, load_plugins(), env=KEYS))
        except ConfigError as error:
            return [str(problem).replace(f"{folder}/", "") for problem in error.problems]
    raise AssertionError(f"{wrong.title}: nothing was said")


def said_of_call(call: Call) -> str:
    """Give the sentence of the exception."""

    async def ask() -> None:
        async with fake_router(FakeProvider()) as router:
            await router.generate(call.prompt, **call.arguments)

    try:
        run_virtual(ask())
    except ValueError as error:
        return str(error)
    raise AssertionError(f"{call.text}: nothing was said")
