"""The page on the command line."""

from __future__ import annotations

import inspect

import click

from generator.markdown import Lines, table
from pixroute.cli.app import pixroute
from pixroute.cli.exits import MEANINGS


def commands() -> Lines:
    """Describe every command and its options."""
    yield "# Command line\n"
    yield "Needs the extra `cli`: `pip install 'pixroute[cli]'`."
    for name, command in sorted(pixroute.commands.items()):
        yield from _command(name, command)
        for part, inner in sorted(command.commands.items()) if isinstance(command, click.Group) else ():
            yield from _command(f"{name} {part}", inner)
    yield "\n## Exit codes\n"
    yield from table(("code", "meaning"), ((str(int(code)), meaning) for code, meaning in MEANINGS.items()))


def _command(name: str, command: click.Command) -> Lines:
    positional = [
        each.make_metavar(click.Context(command)) for each in command.params if each.param_type_name == "argument"
    ]
    yield f"\n## `{' '.join(['pixroute', name, *positional])}`\n"
    yield inspect.cleandoc(command.help or "").replace("\b\n", "") + "\n"
    rows = [_option(option) for option in command.params if isinstance(option, click.Option)]
    if rows:
        yield from table(("option", "meaning", "default"), rows)


def _option(option: click.Option) -> tuple[str, ...]:
    flag = option.is_flag or option.count
    choices = "|".join(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else ""
    value = "" if flag else f" {option.metavar or choices or option.type.name.upper()}"
    return f"`{', '.join(option.opts)}{value}`", option.help or "", f"`{option.default}`" if option.show_default else ""
