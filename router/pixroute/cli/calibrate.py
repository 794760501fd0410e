"""`pixroute calibrate`: how long calls really take, measured by paying for some."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from itertools import repeat
from pathlib import Path

import click
from attrs import frozen
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pixroute.calibrate import ENOUGH, RULE, Calibration, lines
from pixroute.cli import choose
from pixroute.cli.exits import Exit
from pixroute.cli.options import configuration_options, emulation_options
from pixroute.cli.spending import Spending
from pixroute.cli.words import amount, console, money, number, say, table
from pixroute.errors import RequestFailed
from pixroute.request import ImageRequest, Resolution
from pixroute.routing.record import Record
from pixroute.routing.router import Router
from pixroute.routing.view import Verdict

HEADS = ("provider", "size", "pictures", "failed", "P50", "P95", "P99", "time-out")
IN_VAIN = 3
"""Failures in a row after which a provider is given up at that size."""


@frozen(kw_only=True)
class CalibrateJob:
    """What is to be measured."""

    source: choose.RouterSource
    chain: str | None
    providers: tuple[str, ...]
    sizes: tuple[Resolution, ...]
    calls: int
    concurrency: int
    prompt: str


@frozen(kw_only=True)
class Pair:
    """One provider at one size; `others` share its chain; `unable` says why it is left out."""

    provider: str
    others: frozenset[str] = frozenset()
    size: Resolution
    price: Decimal | None
    currency: str
    unable: str | None


@click.command()
@click.option(
    "--size", "sizes", multiple=True, type=click.Choice(["1K", "2K", "4K"]), help="Repeatable. Default: all three."
)
@click.option("--provider", "providers", multiple=True, metavar="NAME", help="Repeatable. Default: all of the chain.")
@click.option("--chain", metavar="NAME", help="Default: by the rules of the configuration.")
@click.option(
    "-n", "--calls", default=ENOUGH, show_default=True, type=click.IntRange(1, 200), help="By provider and size."
)
@click.option("--concurrency", default=4, show_default=True, type=click.IntRange(1, 100), help="Calls in flight.")
@click.option("--prompt", default="A lighthouse at dusk", show_default=True, help="What to draw.")
@click.option("--yes", is_flag=True, help="Do not ask whether to pay.")
@configuration_options
@partial(emulation_options, fault=choose.NO_FAULT)
def calibrate(
    *,
    sizes: tuple[Resolution, ...],
    providers: tuple[str, ...],
    chain: str | None,
    calls: int,
    concurrency: int,
    prompt: str,
    yes: bool,
    config: Path | None,
    plaintext: str | None,
    emulated: bool,
    time_scale: float | None,
    faults: tuple[str, ...],
) -> int:
    """Measure how long calls take, and suggest what to configure.

    The calls are paid for: it asks first. Each goes to one provider alone, without retry or fallback.
    """
    job = CalibrateJob(
        source=choose.source(
            config=config,
            plaintext=plaintext,
            emulated=emulated,
            time_scale=time_scale,
            faults=faults,
            default_faults=(choose.NO_FAULT,),
        ),
        chain=chain,
        providers=providers,
        sizes=sizes or ("1K", "2K", "4K"),
        calls=calls,
        concurrency=concurrency,
        prompt=prompt,
    )
    say(job.source.sentence)
    if not (emulated or yes):
        pairs = asyncio.run(_look(job))  # apart from the measuring: a question must not hold a loop
        if not click.confirm(_question(pairs, calls)):
            click.echo("Nothing was sent.")
            return Exit.OK
    return asyncio.run(_run(job))


# What it would cost


async def _look(job: CalibrateJob) -> list[Pair]:
    async with job.source.open({}) as router:
        return _pairs(router, job)


def _pairs(router: Router, job: CalibrateJob) -> list[Pair]:
    pairs = []
    for size in job.sizes:
        found = router.explain(ImageRequest(job.prompt, size=size), chain=job.chain, upgrade="refuse")
        known = [plan.name for plan in found.providers]
        if strange := set(job.providers) - set(known):
            raise click.UsageError(f"chain {found.chain} has no provider {min(strange)}; it has {', '.join(known)}.")
        pairs += [
            Pair(
                provider=plan.name,
                others=frozenset(known) - {plan.name},
                size=size,
                price=plan.price,
                currency=found.currency,
                unable=None if plan.verdict == Verdict.READY.value else plan.verdict,
            )
            for plan in found.providers
            if plan.name in (job.providers or known)
        ]
    return pairs


def _question(pairs: Sequence[Pair], calls: int) -> str:
    able = [pair for pair in pairs if pair.unable is None]
    known = [pair.price for pair in able if pair.price is not None]
    unknown = dict.fromkeys(f"{pair.provider} at {pair.size}" for pair in able if pair.price is None)
    cost = amount(calls * sum(known, Decimal(0)), able[0].currency) if able else "nothing"
    beside = f", and an unknown price for each call to {', '.join(unknown)}" if unknown else ""
    each = [f"{pair.provider} {pair.size}: {calls} x {amount(pair.price, pair.currency)}" for pair in able]
    return "\n".join([*each, f"This makes {calls * len(able)} paid calls, for up to {cost}{beside}. Go on?"])


# Measuring


async def _run(job: CalibrateJob) -> Exit:
    screen, spending = console(), Spending()
    found: list[Calibration] = []
    try:
        async with job.source.open({"spending": spending}) as router:
            pairs = _pairs(router, job)
            with _progress(screen) as progress:
                for pair in pairs:
                    if pair.unable:
                        screen.print(f"{pair.provider} {pair.size}: left out, {pair.unable}")
                        continue
                    with _disabled(router, pair.others):
                        found.append(await _measure(router, pair, job, progress))
                    screen.print(_sentence(found[-1]))
    finally:
        click.echo(f"Cost: {money(spending.cost)}.")
    _print(found, job)
    delivered = [bool(each.seconds) for each in found]
    return Exit.OK if delivered and all(delivered) else Exit.PARTIAL if any(delivered) else Exit.FAILED


def _progress(screen: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)


@contextmanager
def _disabled(router: Router, names: Collection[str]) -> Iterator[None]:
    for name in names:
        router.disable(name)
    try:
        yield
    finally:
        for name in names:
            router.enable(name)


async def _measure(router: Router, pair: Pair, job: CalibrateJob, progress: Progress) -> Calibration:
    """Make the calls, so many at once; several failures in a row end it, for they may cost as much as pictures."""
    ends: list[float | str] = []
    bar = progress.add_task(f"{pair.provider} {pair.size}", total=job.calls)
    turns = iter(range(job.calls))

    async def work() -> None:
        for _ in turns:
            if [type(end) for end in ends[-IN_VAIN:]] == [str] * IN_VAIN:
                return
            ends.append(await _call(router, pair, job))
            progress.advance(bar)

    await asyncio.gather(*(work() for _ in range(min(job.concurrency, job.calls))))
    progress.remove_task(bar)
    return Calibration(
        provider=pair.provider,
        resolution=pair.size,
        seconds=[end / job.source.time_scale for end in ends if not isinstance(end, str)],
        failures=[end for end in ends if isinstance(end, str)],
    )


async def _call(router: Router, pair: Pair, job: CalibrateJob) -> float | str:
    """Make one call and give its seconds, or why it brought no picture."""
    request = ImageRequest(job.prompt, size=pair.size)
    try:
        record: Record = (
            await router.generate(request, chain=job.chain, max_attempts=1, upgrade="refuse", hedge_after="off")
        ).record
    except RequestFailed as error:
        record = error.record
    for attempt in record.attempts:
        return attempt.seconds if attempt.won else str(attempt.kind)
    return "not sent"


# Telling


def _sentence(found: Calibration) -> str:
    why = ", ".join(f"{count} x {kind}" for kind, count in Counter(found.failures).items())
    delivered = f"{len(found.seconds)} of {len(found.seconds) + len(found.failures)} delivered"
    return f"{found.provider} {found.resolution}: {delivered}{f'; failed: {why}' if why else ''}"


def _print(found: Sequence[Calibration], job: CalibrateJob) -> None:
    click.echo()
    console().print(table(HEADS, map(_row, found), right=HEADS[2:], whole=HEADS))
    click.echo(f"\nSeconds; time-out: {RULE}.")
    if job.source.emulated:
        scale = 1 / job.source.time_scale
        click.echo(f"They are as in life: what this machine took, its own work included, {scale:g} times.")
    if any(0 < len(each.seconds) < ENOUGH for each in found):
        say(f"No time-out is suggested of fewer than {ENOUGH} pictures (-n {ENOUGH}): the one configured stays.")
    if any(len(each.seconds) < 100 for each in found):
        click.echo("Of fewer than 100 pictures P99 is the slowest; more calls (-n) tell more.")
    paste = "\n".join(lines(found))
    if paste:
        click.echo(f"\nFor the configuration:\n\n{paste}")


def _row(found: Calibration) -> Iterator[str]:
    yield from (found.provider, found.resolution, str(len(found.seconds)), str(len(found.failures)))
    quantiles = found.quantiles
    if quantiles is None:
        yield from repeat("", 4)
    else:
        yield from map(number, (quantiles.p50, quantiles.p95, quantiles.p99))
        yield f"{found.timeout} s" if found.timeout else "–"
