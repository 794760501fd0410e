"""All commands under one name, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version

import click

from pixroute.cli.batch import batch
from pixroute.cli.budgets import budgets
from pixroute.cli.calibrate import calibrate
from pixroute.cli.cheapest import cheapest
from pixroute.cli.check import check
from pixroute.cli.claim import claim
from pixroute.cli.emulate import emulate
from pixroute.cli.exits import MEANINGS, Exit, exit_code
from pixroute.cli.explain import explain
from pixroute.cli.generate import generate
from pixroute.cli.keys import keys
from pixroute.cli.ledger import ledger
from pixroute.cli.plugins import plugins
from pixroute.cli.schema import schema
from pixroute.cli.serve import serve
from pixroute.cli.signals import outside, watched
from pixroute.cli.simulate import simulate
from pixroute.cli.warned import TRACEBACK, OneLine
from pixroute.cli.words import say

EPILOG = "\b\nExit codes:\n" + "\n".join(f"{code:5d}  {meaning}" for code, meaning in MEANINGS.items())

_PLACE = re.compile(r"\('([^']+)', (\d+)")  # as asyncio names where it could not listen


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("pixroute"), "-V", "--version", message="pixroute %(version)s")
def pixroute() -> None:
    """Get a picture through the first provider that can deliver it.

    Try it without a key: pixroute generate --emulated "A lighthouse at dusk" --size 4K -o lighthouse.png
    """


SUMMARIES = {
    "batch": "Make the pictures of a file of prompts; go on where it ended.",
    "calibrate": "Measure how long calls take, and suggest time-outs.",
    "check": "Tell every mistake of a configuration at once.",
    "claim": "Collect jobs that were paid for and that nobody collected.",
    "budgets": "Show where every budget stands in its window.",
    "explain": "Show what would be tried, for how long, at what cost.",
    "ledger": "Tell what was, and what may have been, billed by whom.",
    "serve": "Serve pictures to any client of OpenAI's images API.",
    "simulate": "Compare policies over a day of traffic in virtual time.",
}
"""Of the commands whose first sentence is longer than a line of 80 columns leaves room for."""

for command in (
    generate,
    batch,
    claim,
    check,
    explain,
    plugins,
    cheapest,
    serve,
    keys,
    emulate,
    ledger,
    budgets,
    schema,
    simulate,
    calibrate,
):
    command.epilog = EPILOG
    command.short_help = SUMMARIES.get(command.name or "")
    pixroute.add_command(command)


def run(arguments: Sequence[str] | None) -> int:
    """Run a command; whatever goes wrong is told on stderr, never as a traceback."""
    handler = OneLine(logging.WARNING)
    log = logging.getLogger("pixroute")
    log.addHandler(handler)
    try:
        with watched():
            return _from_outside(_run(arguments))
    finally:
        log.removeHandler(handler)


def _from_outside(code: int) -> int:
    """Give the code, or what came from outside where that is why the command ended so."""
    if outside.terminated and code == Exit.INTERRUPTED:
        return Exit.TERMINATED
    return Exit.READER_GONE if outside.reader_gone and code == Exit.OK else code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = pixroute.main(arguments, prog_name="pixroute", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        with suppress(OSError):
            click.echo("Terminated." if outside.terminated else "Interrupted.", err=True)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        outside.lose_reader()
        return Exit.READER_GONE
    except Exception as error:
        if (code := exit_code(error)) is Exit.BUG and TRACEBACK in os.environ:
            raise
        say(_sentence(error, code), err=True)
        return code
    return code if isinstance(code, int) else Exit.OK


def _sentence(error: Exception, code: Exit) -> str:
    if code is Exit.BUG:
        return f"Error: {type(error).__name__}: {error}\nThis is a bug in pixroute; {TRACEBACK}=1 shows where."
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE and (place := _PLACE.search(str(error))):
        return f"Error: {place[1]} port {place[2]} is taken by another program: end it, or choose another with --port."
    if isinstance(error, OSError) and error.strerror:
        return f"Error: {error.filename or 'the system'}: {error.strerror}"
    return f"Error: {error}"
