"""`pixroute generate`: one request, shown while it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from pixroute.cli import choose, document, report
from pixroute.cli.exits import Exit, exit_code
from pixroute.cli.options import RequestOptions, configuration_options, emulation_options, request_options
from pixroute.cli.save import Target
from pixroute.cli.screen import Screen
from pixroute.cli.warned import failures_shown
from pixroute.cli.words import console, say
from pixroute.content import to_the_end
from pixroute.errors import RequestFailed
from pixroute.request import ImageRequest
from pixroute.result import ImageResult


@frozen(kw_only=True)
class GenerateJob:
    """What is to be done, and how it is told."""

    request: ImageRequest
    limits: Mapping[str, Any]
    target: Target
    source: choose.RouterSource
    json: bool
    quiet: bool


@click.command()
@click.argument("prompt")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Its suffix is the format.")
@request_options
@configuration_options
@emulation_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--quiet", is_flag=True, help="On stdout nothing but where the pictures are.")
def generate(
    *,
    prompt: str,
    output: Path | None,
    config: Path | None,
    plaintext: str | None,
    time_scale: float | None,
    faults: tuple[str, ...],
    emulated: bool,
    as_json: bool,
    quiet: bool,
    **asked: Any,
) -> int:
    """Make a picture of PROMPT, and tell how it came."""
    if not prompt.strip():
        raise click.UsageError("the prompt is empty.")
    options, target = RequestOptions(**asked), Target(output)
    target.check()
    source = choose.source(config=config, plaintext=plaintext, emulated=emulated, time_scale=time_scale, faults=faults)
    job = GenerateJob(
        request=options.request(prompt, target.output_format),
        limits=options.limits,
        target=target,
        source=source,
        json=as_json,
        quiet=quiet or as_json,
    )
    return asyncio.run(_run(job))


async def _run(job: GenerateJob) -> Exit:
    screen = Screen(console=console(), clock=asyncio.get_running_loop().time, quiet=job.quiet)
    if not job.quiet:
        say(job.source.sentence)
    async with job.source.open({"screen": screen}) as router:
        plans = router.explain(job.request, **job.limits).providers
        screen.expected = {plan.name: plan.expected for plan in plans if plan.known}
        try:
            with screen.live(), nullcontext() if job.quiet else failures_shown():
                result = await router.generate(job.request, **job.limits)
        except RequestFailed as error:
            return await to_the_end(_tell_failure(job, error))
        except asyncio.CancelledError:
            click.echo(report.interruption(screen.finished), err=True)
            raise
        return await to_the_end(_tell_result(job, result))  # it is paid for: SIGTERM waits until it is saved


async def _tell_result(job: GenerateJob, result: ImageResult) -> Exit:
    request_id = result.record.request_id
    paths = await job.target.save(result.images, request_id=request_id)
    extra = await job.target.save(result.extra, request_id=request_id, what="extra")
    if job.json:
        click.echo(
            document.delivered(result, paths, extra, emulated=job.source.emulated, configuration=job.source.sentence)
        )
    elif job.quiet:
        click.echo("\n".join(map(str, paths + extra)))
    else:
        report.print_result(result, paths, extra)
    if any(path.parent != (job.target.path or Path("picture")).parent for path in (*paths, *extra)):
        return Exit.ELSEWHERE
    return Exit.PARTIAL if result.missing else Exit.OK


async def _tell_failure(job: GenerateJob, error: RequestFailed) -> Exit:
    rejected = await job.target.save(error.images, request_id=error.record.request_id, what="rejected")
    head, _, lines = str(error).partition("\n")
    if job.json:
        click.echo(document.failed(error, rejected, emulated=job.source.emulated, configuration=job.source.sentence))
    elif job.quiet:
        head = f"{head}\n{lines}"
    else:  # what the other lines tell has been shown already
        report.print_failure(error, rejected)
    say(f"Error: {head}", err=True)
    return exit_code(error)
