"""The page of scenario files, written from the classes that read them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import attrs

from generator.markdown import Lines, table
from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.scenario import Callers, Scenario, ScenarioProvider, ScenarioUpstream, load_scenario

EXAMPLES = Path(__file__).parents[2] / "examples" / "scenarios"
TABLES = (
    ("The file", Scenario),
    ("`[callers]`", Callers),
    ("`[[faults]]`", SimulatedFault),
    ("`[upstreams.NAME]`", ScenarioUpstream),
    ("`[providers.NAME]`", ScenarioProvider),
)


def scenarios() -> Lines:
    """Write the page."""
    yield from (
        "# Scenario files",
        "",
        "What `pixroute simulate SCENARIO` lets happen is a TOML file; what it leaves out has a default (`name`: the",
        "file's). Times are seconds. A mistake is told with its place. Such a file:",
        "",
        "```text",
        *(EXAMPLES / "brown-out.toml").read_text(encoding="utf-8").splitlines(),
        "```",
        "",
        "With `-c pixroute.toml` it happens to your own chain: its providers, prices, expected times and policy, with",
        "faults on your providers' names. No key is needed, nothing is sent. Such a file must leave `upstreams` and",
        "`providers` out. `--chain NAME` takes another chain than the default one.",
        "",
        "```sh",
        "pixroute simulate examples/scenarios/hang-hour.toml -c pixroute.toml -o report",
        "```",
        "",
        "The terminal says who won and by how much, then all figures with what they mean; `-o` writes a page for a",
        "browser, with a plot of each figure over time in which the fault is shaded.",
        "",
        "Those of `examples/scenarios`:",
        "",
    )
    found = [(path.name, load_scenario(path).summary) for path in sorted(EXAMPLES.glob("*.toml"))]
    yield from table(("file", "what happens"), ((f"`{name}`", summary) for name, summary in found))
    for heading, cls in TABLES:
        yield from ("", f"## {heading}", "", *_described(cls))


def _described(cls: type) -> Lines:
    """Give a row for what each entry means, and the default of those that are not tables."""
    said = inspect.cleandoc(cls.__doc__ or "").partition("Args:\n")[2]
    meanings = dict(re.findall(r"^ {4}(\w[\w, ]*): ((?:.*\n?)(?: {8}.*\n?)*)", said, re.MULTILINE))
    named = {name: " ".join(text.split()) for names, text in meanings.items() for name in names.split(", ")}
    rows = [(f"`{one.name}`", _default(one), named.get(one.name, "")) for one in attrs.fields(cls)]
    yield from table(("entry", "default", "meaning"), rows)


def _default(one: attrs.Attribute[object]) -> str:
    if one.default is attrs.NOTHING:
        return "–" if one.name == "name" else "required"
    plain = isinstance(one.default, str | int | float) and one.default != ""
    return f"`{str(one.default).lower() if isinstance(one.default, bool) else one.default}`" if plain else "–"
