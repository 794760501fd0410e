"""Results kept for download, each for its time."""

import asyncio
import math
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixroute.testing.emulator.order import Sheet


class Files:
    """The last `kept` results served as URLs; a lifetime passes at the emulator's scale, and never at scale 0."""

    def __init__(self, time_scale: float, kept: int) -> None:
        self._time_scale = time_scale
        self._kept = kept
        self._files: OrderedDict[str, tuple[Sheet, float]] = OrderedDict()
        self._count = 0

    def put(self, sheet: "Sheet", *, lifetime: float) -> str:
        """Keep a result for `lifetime` seconds and return its name."""
        self._count += 1
        name = f"{self._count:06d}.{sheet.mime.removeprefix('image/')}"
        scaled = lifetime * (self._time_scale or math.inf) if lifetime else 0.0
        self._files[name] = (sheet, asyncio.get_running_loop().time() + scaled)
        while len(self._files) > self._kept:
            self._files.popitem(last=False)
        return name

    def get(self, name: str) -> "Sheet | None":
        """Return a result, or None if its time is over."""
        sheet, expires = self._files.get(name, (None, 0.0))
        return sheet if asyncio.get_running_loop().time() < expires else None
