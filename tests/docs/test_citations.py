"""What the code cites, the pages say."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = [path for root in ("router", "plugins") for path in sorted((ROOT / root).rglob("*.py"))]


@pytest.mark.parametrize("page", ["semantics", "upstreams"])
def test_every_section_cited_exists(page):
    """A citation, `semantics §4` or `upstreams §1.5, §2.6`, leads to a heading of that number."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^##+ (\d+(?:\.\d+)?)\b", text, re.MULTILINE))
    cited = {section for path in CODE for section in citations(page, path)}

    assert cited
    assert cited - sections == set()


def citations(page: str, path: Path) -> list[str]:
    """Find the sections of a page that a module cites; a list of them may go on in the next line."""
    lists = re.findall(rf"{page} (§[\d.]+(?:,\s+§[\d.]+)*)", path.read_text(encoding="utf-8"))
    return [section for each in lists for section in re.findall(r"§(\d+(?:\.\d+)?)", each)]


def test_no_other_page_is_cited_by_section():
    """Before a section sign stands the name of one of the pages, or the section before it in a list."""
    names = {name for path in CODE for name in re.findall(r"(\w+),? §", path.read_text(encoding="utf-8"))}

    assert {name for name in names if not name.isdigit()} == {"semantics", "upstreams"}
