"""`pixroute check`: every mistake of a configuration, what it may be regretted for, and the worst case."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import click
from rich.table import Table
from rich.text import Text

from pixroute.cli import choose
from pixroute.cli.exits import Exit
from pixroute.cli.planned import Planned, foretelling, foretold
from pixroute.cli.words import amount, console, say, table
from pixroute.config.build import Built, build_what_can
from pixroute.config.check import examine, links, mistakes, worst_first
from pixroute.config.model import Config
from pixroute.config.walk import CLASSES, ConfigFinding, Level
from pixroute.errors import ConfigError
from pixroute.request import ImageRequest, Size

WORST_HEADS = ("chain", "size", "asked first", "worst time", "worst cost")
WORDS: Mapping[Level, str] = {"error": "mistake", "warning": "warning", "note": "note"}


@click.command()
@click.argument("file", required=False, metavar="[FILE]", type=click.Path(path_type=Path))
@click.option("-c", "--config", metavar="FILE", type=click.Path(path_type=Path), help="The same as FILE.")
@click.option("--online", is_flag=True, help="Also ask each provider, by a call that costs nothing.")
@click.option("--strict", is_flag=True, help="End with 1 if there are warnings.")
@click.option("--without-keys", is_flag=True, help="Take unset variables for keys, as where CI has no secrets.")
@click.option("--emulated", is_flag=True, help="Also tell what of it --emulated would not use; keys may be missing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def check(
    file: Path | None,
    *,
    config: Path | None,
    online: bool,
    strict: bool,
    without_keys: bool,
    emulated: bool,
    as_json: bool,
) -> int:
    """Tell every mistake of a configuration at once, and what it may be regretted for.

    Each with its place and a fix; then the worst time and cost of a request by chain and size. Nothing is sent, but
    with --online: then each origin is connected to, its certificate and the socket's keep-alive are looked at, and the
    key is tried where a free call can tell.

    Ends with 0 if all is well or only to be known, 1 if there are warnings and --strict, 2 if there are mistakes.
    """
    if file is not None and config is not None:
        raise click.UsageError("Name one file: as FILE, or by --config.")
    file = file or config
    if online and (without_keys or emulated):
        raise click.UsageError("--online needs the keys.")
    findings, worst, sentence = _examined(file, online=online, keys=not (without_keys or emulated))
    if emulated and not found_mistakes(findings):
        findings = worst_first([*findings, *_unplayed(file)])
    if as_json:
        click.echo(_document(findings, worst, sentence))
    else:
        _print(findings, worst, sentence)
    if found_mistakes(findings):
        return Exit.USAGE
    return Exit.FAILED if strict and any(finding.level == "warning" for finding in findings) else Exit.OK


def _examined(file: Path | None, *, online: bool, keys: bool) -> tuple[Sequence[ConfigFinding], Sequence[Planned], str]:
    """Give what is found, the worst cases and a sentence on which configuration it is."""
    try:
        reading, sentence = choose.reading(file, keys=keys)
    except ConfigError as error:
        return mistakes(error.problems), (), f"Read {error.source}."
    told = [one for one in reading.problems if keys or one not in reading.keyless]
    built, wrong = build_what_can(reading.config)
    whole = not wrong and len(reading.problems) == len(reading.keyless)
    found = [*mistakes([*told, *wrong]), *examine(built, whole=whole)]
    if online and not found_mistakes(found):
        found += asyncio.run(_asked(built))
    worst = asyncio.run(_worst(reading.config)) if whole else []
    return worst_first([*found, *foretold(built, worst)]), worst, sentence


def _unplayed(file: Path | None) -> Iterator[ConfigFinding]:
    """Tell what of a configuration `--emulated` would not use."""
    for one in choose.staged(file, plaintext=None, time_scale=None, faults=()).rehearsal.unused:
        yield ConfigFinding(level="note", path="", message=f"--emulated does not use {one}")


def found_mistakes(found: Sequence[ConfigFinding]) -> bool:
    """Tell whether a mistake is among what was found."""
    return any(finding.level == "error" for finding in found)


async def _asked(built: Built) -> list[ConfigFinding]:
    from pixroute.cli.probe import probe  # noqa: PLC0415 - imports aiohttp
    from pixroute.http.pace import Pace  # noqa: PLC0415 - as above
    from pixroute.http.transport import Transport  # noqa: PLC0415 - as above

    policy = built.config.policy
    transport = Transport(pace=Pace(connect=policy.connect_timeout))
    try:
        found = await asyncio.gather(*(probe(link, policy, transport) for link in links(built)))
    finally:
        await transport.aclose()
    return [finding for each in found for finding in each]


async def _worst(config: Config) -> list[Planned]:
    async with foretelling(config) as router:
        return [
            (size, router.explain(ImageRequest("any", size=Size(size)), chain=name))
            for name in config.chains
            for size in CLASSES
        ]


def _print(findings: Sequence[ConfigFinding], worst: Sequence[Planned], sentence: str) -> None:
    say(sentence)
    click.echo()
    screen = console()
    grouped = _grouped(findings)
    for part in (
        _listed([one for one in grouped if one.level != "note"]),
        table(WORST_HEADS, map(_row, worst), right=("worst time", "worst cost")),
        _listed([one for one in grouped if one.level == "note"]),
    ):
        if part.row_count:
            screen.print(part)
            click.echo()
    counted = Counter(finding.level for finding in grouped)
    parts = [
        f"{counted[level]} {word}{'s' if counted[level] > 1 else ''}" for level, word in WORDS.items() if counted[level]
    ]
    click.echo(f"{', '.join(parts) or 'All is well'}.")


def _grouped(findings: Sequence[ConfigFinding]) -> list[ConfigFinding]:
    """Put what is said of several places into one, which names them all."""
    places: dict[ConfigFinding, list[str]] = {}
    for finding in findings:
        places.setdefault(attrs.evolve(finding, path=""), []).append(finding.path)
    return [attrs.evolve(one, path=", ".join(filter(None, paths))) for one, paths in places.items()]


def _listed(findings: Sequence[ConfigFinding]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for finding in findings:
        grid.add_row(Text(finding.level), Text(_text(finding)))
    return grid


def _text(finding: ConfigFinding) -> str:
    where = f"{finding.path}: " if finding.path else ""
    return f"{where}{finding.message}" + (f"\n  Fix: {finding.fix}" if finding.fix else "")


def _row(worst: Planned) -> Iterator[str]:
    size, one = worst
    _, starts, first = one.first.partition("start ")
    yield from (one.chain, size)
    yield from (
        (first, f"{one.worst_seconds:.0f} s", amount(one.worst_cost, one.currency)) if starts else ("nobody", "", "")
    )


def _document(findings: Sequence[ConfigFinding], worst: Sequence[Planned], sentence: str) -> str:
    document = {
        "configuration": sentence,
        "findings": [attrs.asdict(finding) for finding in findings],
        "worst": [
            {
                "chain": one.chain,
                "size": size,
                "first": one.first,
                "seconds": one.worst_seconds,
                "cost": None if one.worst_cost is None else str(one.worst_cost),
                "currency": one.currency,
            }
            for size, one in worst
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)
