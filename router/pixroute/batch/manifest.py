"""What a batch made, a line a picture: told anew from the journal whenever a run ends."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pixroute.batch.items import Item
from pixroute.batch.journal import History


def write_manifest(path: Path, items: Sequence[Item], history: History, *, with_prompts: bool = False) -> None:
    """Write the manifest whole or not at all, in the order of the items; `path` in it is relative to its folder.

    Items that are no longer in the list come last. Prompts are in it only where asked for.
    """
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(
        "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in _lines(items, history, with_prompts)),
        encoding="utf-8",
    )
    beside.replace(path)


def _lines(items: Sequence[Item], history: History, with_prompts: bool) -> Iterator[dict[str, Any]]:  # noqa: FBT001 - passed on
    known = {item.id: item for item in items}
    ended = {**history.finished, **history.failed}
    for id_ in sorted(ended, key=lambda id_: known[id_].line if id_ in known else float("inf")):
        told = {name: value for name, value in ended[id_].items() if name not in {"pictures", "cost", "content"}}
        for picture in ended[id_]["pictures"]:
            yield {"item": id_, **_of(known.get(id_), with_prompts), **picture, **told}


def _of(item: Item | None, with_prompts: bool) -> dict[str, Any]:  # noqa: FBT001 - passed on
    if item is None:
        return {}
    return {"line": item.line, **({"prompt": item.request.prompt} if with_prompts else {})}
