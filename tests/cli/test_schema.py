"""`pixroute schema`."""

import json
from pathlib import Path

from pixroute.plugins import load_plugins

COPY = Path(__file__).parents[2] / "docs" / "pixroute.schema.json"


def test_the_copy_in_the_documentation_is_current(pixroute):
    """Else write it again: pixroute schema --built-in > docs/pixroute.schema.json."""
    run = pixroute("schema", "--built-in")

    assert (run.code, run.err) == (0, "")
    assert run.out == COPY.read_text(encoding="utf-8")


def test_it_knows_every_type_that_is_installed(pixroute):
    """Plugins of others too, which the copy cannot know."""
    run = pixroute("schema")

    providers = json.loads(run.out)["properties"]["providers"]["additionalProperties"]["oneOf"]
    assert {one["properties"]["type"]["const"] for one in providers} == load_plugins().providers.keys()
