"""The page on what lies in the store names every table and column, and every field of what is told."""

import re
from pathlib import Path

from pixroute.health.statement import Statement
from pixroute.shared import schema

PAGE = (Path(__file__).parents[2] / "docs" / "shared-store.md").read_text(encoding="utf-8")


def test_every_table_and_column_is_there():
    """Each in the row, or below the heading, of its table."""
    for sql in (*schema.TOLD, *schema.KEPT):
        if found := re.search(r"TABLE IF NOT EXISTS (\w+) \((.*)\)", sql, re.DOTALL):
            name, body = found.groups()
            columns = re.findall(r"(?:^|,)\s*([a-z_]+) (?:TEXT|DOUBLE|BIGINT|INTEGER)", body)
            section = next((line for line in PAGE.splitlines() if line.startswith(f"| `{name}`")), PAGE)

            assert f"`{name}`" in PAGE or f"## {name}" in PAGE
            assert columns
            assert [column for column in columns if f"`{column}`" not in section] == []


def test_every_field_of_what_is_told_is_there():
    """By its name."""
    told = set(Statement.__annotations__) - {"quiet"}

    assert [field for field in told if f"`{field}`" not in PAGE] == []
