"""What is read by people stays short: files of at most 400 lines, functions of at most 40 beside their docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(path for root in ("router", "plugins") for path in (ROOT / root).rglob("*.py"))
LONGEST_FILE = 400
LONGEST_FUNCTION = 40


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    """Give every function's name and its lines, from `def` to its end, without its docstring."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = ast.get_docstring(node) is not None
            docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - docstring


def test_there_is_something_to_measure():
    """Were the folders moved, the other tests would measure nothing."""
    assert len(FILES) > 300


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_file_is_short(path):
    """A file of more than 400 lines has two meanings: cut it by them."""
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_function_is_short(path):
    """A function of more than 40 lines does several things, which have names."""
    assert {name: lines for name, lines in _functions(path) if lines > LONGEST_FUNCTION} == {}
