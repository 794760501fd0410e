"""What a batch is to make: read from a file, every bad line told at once."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from pixroute.config.strict import problems_of, strict_converter
from pixroute.errors import ConfigError, Problem
from pixroute.request import ImageRequest, Size
from pixroute.values import Mistake
from pixroute.words import unknown_key

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 60


@frozen(kw_only=True)
class Item:
    """One request of a batch.

    Args:
        id: as given, else made of the content: the same wherever the line stands, and on every run.
        line: where it stands in the file.
        request: what is asked.
        chain: which chain is asked; None: by the rules.
        content: a hash of what makes the picture: prompt, size, n and references.
        name: of its files, before the first dot; safe on every file system. A derived id has its line before it.
    """

    id: str
    line: int
    request: ImageRequest
    chain: str | None = None
    content: str
    name: str


@frozen(kw_only=True)
class ItemRow:
    """A line as people write it: what JSON objects and CSV columns may say; what is left out is as for all."""

    prompt: str
    id: str | None = None
    size: str | None = None
    aspect: str | None = None
    n: int | None = None
    references: tuple[Path, ...] = ()
    tags: Mapping[str, str] = field(factory=dict)
    chain: str | None = None
    sensitive: bool | None = None


COLUMNS = tuple(ItemRow.__annotations__)


def read_items(path: Path, template: ImageRequest, *, chain: str | None = None) -> tuple[Item, ...]:
    """Read a batch.

    Args:
        path: a `.jsonl` with an object a line, a `.csv` with a header, or a `.txt` with a prompt a line. References
            are relative to its folder; in a CSV several stand with ";" between, and so do tags, each `key=value`.
        template: what holds for lines that do not say otherwise; its prompt is not used.
        chain: likewise.

    Raises:
        ConfigError: with every bad line.
        OSError: the file cannot be read.
    """
    read = _FORMATS.get(path.suffix.lower())
    if read is None:
        raise ConfigError([Problem("", f"ends in none of {', '.join(_FORMATS)}")], source=str(path))
    converter = strict_converter(base=Path(), env={})
    items: list[Item] = []
    problems: list[Problem] = []
    repeats = Counter[str]()
    for line, said in read(_text(path)):
        if isinstance(said, Mistake):
            problems.append(Problem(f"line {line}", str(said)))
            continue
        try:
            row = converter.structure(said, ItemRow)
            items.append(_item(row, line, path.parent, template, chain, repeats))
        except (ValueError, ExceptionGroup) as error:
            problems += problems_of(error, f"line {line}")
    problems += _same_names(items)
    if not items and not problems:
        problems.append(Problem("", "holds no prompt"))
    if problems:
        raise ConfigError(problems, source=str(path))
    return tuple(items)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")  # as it is: a CSV may hold line ends within quotes
    except UnicodeDecodeError as error:
        raise ConfigError([Problem("", f"is not UTF-8 text, from byte {error.start} on")], source=str(path)) from None


def _item(  # noqa: PLR0917 - the one caller is above
    row: ItemRow, line: int, folder: Path, template: ImageRequest, chain: str | None, repeats: Counter[str]
) -> Item:
    if row.id is not None and not (row.id.strip() and row.id.isprintable()):
        raise Mistake("the id is empty or holds what cannot be seen")
    request = evolve(
        template,
        prompt=row.prompt,
        size=_size(row, template.size),
        n=template.n if row.n is None else row.n,
        references=[folder / reference for reference in row.references] or template.references,
        tags={**template.tags, **row.tags},
        sensitive=template.sensitive if row.sensitive is None else row.sensitive,
    )
    references = [str(path) for path in row.references] or [str(each.path) for each in template.references]
    if request.mask:
        references.append(str(request.mask.path))
    content = _hash(json.dumps([request.prompt, str(request.size), request.n, references]))[:12]
    if row.id is None:
        repeats[content] += 1
    derived = content if repeats[content] == 1 else f"{content}-{repeats[content]}"
    return Item(
        id=row.id or derived,
        line=line,
        request=request,
        chain=row.chain or chain,
        content=content,
        name=_safe(row.id) if row.id else f"{line:04}-{derived}",
    )


def _safe(id_: str) -> str:
    safe = _UNSAFE.sub("-", id_).strip("-")[:_LONGEST_NAME]
    return safe if safe == id_ else f"{safe or 'item'}-{_hash(id_)[:8]}"


def _size(row: ItemRow, default: Size | None) -> Size | None:
    if row.size is not None:
        return Size.parse(row.size, row.aspect)
    if row.aspect is not None:
        return Size.parse(default.resolution if default else "1K", row.aspect)
    return default


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _same_names(items: list[Item]) -> Iterator[Problem]:
    lines: dict[str, int] = {}
    for item in items:
        if (first := lines.setdefault(item.name.casefold(), item.line)) != item.line:
            yield Problem(f"line {item.line}", f"has the id of line {first} (capitals do not tell files apart)")


# The formats: numbered lines, each as a mapping, or what is wrong with it

_Lines = Iterator[tuple[int, Mapping[str, Any] | Mistake]]


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    # not splitlines(), for which a prompt may hold line ends
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _read_txt(text: str) -> _Lines:
    return ((number, {"prompt": line.strip()}) for number, line in _numbered(text))


def _read_jsonl(text: str) -> _Lines:
    for number, line in _numbered(text):
        try:
            said = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, Mistake(f"is not JSON: {error}")
        else:
            yield number, said if isinstance(said, dict) else Mistake('is not an object such as {"prompt": "…"}')


def _read_csv(text: str) -> _Lines:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        wrong = [unknown_key(name, COLUMNS) for name in reader.fieldnames or () if name not in COLUMNS]
        if wrong or "prompt" not in (reader.fieldnames or ()):
            yield 1, Mistake("; ".join(wrong) or "the header names no column prompt")
            return
        for cells in reader:
            yield reader.line_num, _row_of(cells)
    except csv.Error as error:
        yield reader.reader.line_num, Mistake(f"is not CSV: {error}")


def _row_of(cells: Mapping[Any, Any]) -> Mapping[str, Any] | Mistake:
    if None in cells:
        return Mistake("has more cells than the header")
    return {name: _cell(name, text.strip()) for name, text in cells.items() if text and text.strip()}


def _cell(name: str, text: str) -> Any:
    several = [part.strip() for part in text.split(";") if part.strip()]
    match name:
        case "n":
            return int(text) if text.isascii() and text.isdecimal() else text
        case "sensitive":
            return {"true": True, "false": False}.get(text.lower(), text)
        case "references":
            return several
        case "tags":
            return dict(part.partition("=")[::2] for part in several)
    return text


_FORMATS: Mapping[str, Callable[[str], _Lines]] = {".jsonl": _read_jsonl, ".csv": _read_csv, ".txt": _read_txt}
