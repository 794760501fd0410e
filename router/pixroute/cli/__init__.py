"""The command line: a thin skin over the library."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

_EXTRA = ("click", "rich", "PIL", "trustme")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code; `arguments` default to the process's own."""
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        print(
            f"pixroute: the command line needs packages that are not installed ({', '.join(missing)}): "
            "pip install 'pixroute[cli]'",
            file=sys.stderr,
        )
        return 2
    from pixroute.cli.app import run  # noqa: PLC0415 - only now it is known that click is there

    return run(arguments)
