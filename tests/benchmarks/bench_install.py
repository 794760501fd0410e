"""What installing and importing it costs."""

import asyncio
import subprocess
import sys
import time
from functools import partial
from importlib.metadata import PackageNotFoundError, requires

from measure import Figure, take_turns
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def run(*, quick: bool) -> list[Figure]:
    """Import times are those of fresh interpreters, less that of an empty one."""
    ways = [partial(_start, code) for code in ("pass", "import pixroute", "import aiohttp")]
    empty, ours, theirs = asyncio.run(take_turns(7 if quick else 15, *ways))
    shares = tuple((one - none) / (other - none) for none, one, other in zip(empty, ours, theirs, strict=True))
    took = tuple(1000 * (one - none) for none, one in zip(empty, ours, strict=True))
    return [
        Figure(benchmark="install", name="import pixroute ÷ import aiohttp", unit="×", values=shares, target=1),
        Figure(benchmark="install", name="import pixroute", unit="ms", values=took),
        Figure(benchmark="install", name="distributions", unit="", values=(len(brought("pixroute")),), target=15),
    ]


async def _start(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: ASYNC221 - nothing else runs
    return time.perf_counter() - began


def brought(name: str, known: frozenset[str] = frozenset()) -> frozenset[str]:
    """Give every distribution that installing this one brings, without extras."""
    try:
        needed = [Requirement(text) for text in requires(name) or ()]
    except PackageNotFoundError:
        return known
    known |= {canonicalize_name(name)}
    for one in needed:
        wanted = one.marker is None or one.marker.evaluate({"extra": ""})
        if wanted and canonicalize_name(one.name) not in known:
            known = brought(one.name, known)
    return known
