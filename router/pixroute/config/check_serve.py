"""Rules of `check` that look at the gateway's table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pixroute.config.build import Built
from pixroute.config.walk import ConfigFinding, Walk
from pixroute.secret import Secret


def _machines(built: Built, _: Sequence[Walk]) -> Iterator[ConfigFinding]:
    """Find what each of several machines would have for itself."""
    config, serve = built.config, built.config.serve
    if config.shared is None or not isinstance(config.shared.store, Secret):
        return
    if serve.store is not None:
        yield ConfigFinding(
            level="warning",
            path="serve.store",
            message="is a folder, and [shared] is for several machines: a link may lead to one without its picture",
            fix='say bucket = "s3://…" instead, unless the folder is on a disk that all of them have',
        )
    if serve.keys is not None:
        yield ConfigFinding(
            level="warning",
            path="serve.keys",
            message="is a file, and [shared] is for several machines: a key that is revoked lives on in the others",
            fix="say shared_keys = true instead",
        )


def _processes(built: Built, _: Sequence[Walk]) -> Iterator[ConfigFinding]:
    """Find processes that would not know of each other."""
    serve = built.config.serve
    if built.config.shared is None and (serve.processes > 1 or (serve.reuse_port and serve.repeats_file is None)):
        yield ConfigFinding(
            level="error" if serve.processes > 1 else "warning",
            path="serve.processes" if serve.processes > 1 else "serve.reuse_port",
            message="is for several processes, and without [shared] one buys again what another has bought",
            fix='say [shared] store = "shared.sqlite"',
        )


RULES = (_machines, _processes)
