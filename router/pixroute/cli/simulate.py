"""`pixroute simulate`: a day of traffic in virtual time, and what each policy makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import click
from rich.progress import track

from pixroute.cli.words import console, say, table
from pixroute.simulate.contestant import Contestant
from pixroute.simulate.figures import Figures, beside, measure
from pixroute.simulate.mine import own_world
from pixroute.simulate.plots import Group
from pixroute.simulate.policies import BASELINES, CONTESTANTS, DEFAULT, ORACLE, load_policy
from pixroute.simulate.report import html
from pixroute.simulate.run import simulate as run
from pixroute.simulate.scenario import Scenario, load_scenario
from pixroute.simulate.verdict import verdict
from pixroute.simulate.words import GROUPS, best

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("scenario", type=FILE)
@click.option("--policy", "policies", multiple=True, type=FILE, help="A file with the table [policy]; repeatable.")
@click.option(
    "--against",
    "names",
    multiple=True,
    type=click.Choice([*CONTESTANTS]),
    metavar="NAME",
    help="Compare with these; repeatable. By default: the default policy and what others do. "
    f"There is {', '.join(CONTESTANTS)}.",
)
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="Over this configuration's chain, not ours."
)
@click.option("--chain", metavar="NAME", help="With -c: which of its chains. Default: its default chain.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Worlds to run each policy in.")
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Folder for a report in HTML.")
def simulate(
    *,
    scenario: Path,
    policies: tuple[Path, ...],
    names: tuple[str, ...],
    config: Path | None,
    chain: str | None,
    seeds: int,
    output: Path | None,
) -> None:
    """Let SCENARIO happen, in virtual time, to our router and to simpler ones; compare what came of it.

    With -c the chain, its prices, expected times and policy are those of a configuration, and faults are on its
    providers' names, or on "primary" and "fallback". Nothing is sent, and no key is needed.
    """
    _require("async_solipsism", *(["matplotlib"] if output else []))
    if chain is not None and config is None:
        raise click.UsageError("--chain is for -c.")
    mine = None if config is None else own_world(config, chain)
    world = load_scenario(scenario, **(mine.of_scenario if mine else {}))
    known = {**CONTESTANTS, DEFAULT.name: mine.contestant(config.name) if mine and config else DEFAULT}
    own = mine.settings if mine else None
    contestants = [*(load_policy(path, own) for path in policies), *(known[name] for name in names)]
    contestants = contestants or [known[DEFAULT.name], *BASELINES]
    groups = _run_all(world, contestants, seeds)
    figures = [measure(runs) for _, runs in groups]
    if oracle := [each for each in figures if each.policy == ORACLE.name]:
        figures = beside(oracle[0], figures)
    notes = [str(mine), *mine.notes] if mine else []
    _print(world, figures, contestants, notes)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        target = output / f"{scenario.stem}.html"
        summaries = {each.name: each.summary for each in contestants}
        target.write_text(html(world, figures, groups, summaries, notes), encoding="utf-8")
        click.echo(f"\nThe report: {target}")


def _require(*modules: str) -> None:
    if missing := [name for name in modules if find_spec(name) is None]:
        raise click.UsageError(f"{missing[0]} is not installed: pip install 'pixroute[simulate]'")


def _run_all(world: Scenario, contestants: Sequence[Contestant], seeds: int) -> list[Group]:
    jobs = [(each, seed) for each in contestants for seed in range(seeds)]
    shown = track(jobs, description=world.name, console=console(stderr=True), transient=True)
    runs = [run(world, contestant, seed) for contestant, seed in shown]
    return [(each.name, runs[place * seeds : (place + 1) * seeds]) for place, each in enumerate(contestants)]


def _print(
    world: Scenario, figures: Sequence[Figures], contestants: Sequence[Contestant], notes: Sequence[str]
) -> None:
    """Print who won, all figures by group with what they mean, and who was compared."""
    say(f"{world.name}: {world.summary}\n{figures[0].requests:,} requests.")
    for note in notes:
        say(note)
    click.echo()
    say(verdict(figures))
    for group in GROUPS:
        marked = {row.name: best(row, figures) for row in group}
        heads = ["", *(row.name for row in group)]
        rows = (
            [each.policy, *(f"{row.say(each)}{'*' if each.policy in marked[row.name] else ' '}" for row in group)]
            for each in figures
        )
        click.echo()
        console().print(table(heads, rows, right=heads[1:], whole=heads))
        for row in group:
            say(f"  {row.name}: {row.meaning}.")
    click.echo("\n*: the best of those that can be had.\n")
    for each in contestants:
        say(f"  {each.name}: {each.summary}.")
