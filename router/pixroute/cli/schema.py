"""`pixroute schema`: what a configuration may hold, for editors."""

from __future__ import annotations

import json

import click

from pixroute.plugins import Plugins, load_plugins


@click.command()
@click.option("--built-in", is_flag=True, help="Only the types that come with pixroute, whatever else is installed.")
def schema(*, built_in: bool) -> None:
    """Print the JSON Schema of pixroute.toml.

    Editors check and complete TOML by it: write it to a file, and name the file in the configuration's first line,
    #:schema ./pixroute.schema.json
    """
    from pixroute.config.schema import json_schema  # noqa: PLC0415 - cattrs takes 50 ms to import

    found = load_plugins()
    if built_in:
        found = Plugins(listed=tuple(plugin for plugin in found.listed if plugin.distribution == "pixroute"))
    click.echo(json.dumps(json_schema(found), indent=2, ensure_ascii=False))
