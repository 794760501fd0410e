"""A name means one thing, and a name that was given up is gone."""

from __future__ import annotations

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import attrs
import pytest

from pixroute.policy import BreakerPolicy, RetryPolicy

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "renamed.md").read_text("utf-8")
ROWS = re.findall(r"^\| `([\w.]+)` \| `(\w+)` \| `(\w+)` \|$", PAGE, re.MULTILINE)
OPTIONS = [row for row in ROWS if "." not in row[0]]
NAMES = [row for row in ROWS if "." in row[0]]
TABLES = {"retry": RetryPolicy, "breaker": BreakerPolicy}
GIVEN_UP = re.compile(r"\b(Ruling|Contender|HedgePurse|_Vigil|run_errand|SICKENS|wish_options)\b")


def _sources():
    return [path for root in ("router", "plugins") for path in (ROOT / root).rglob("*.py")]


def test_a_class_name_has_one_meaning():
    """Only `Router` is there twice: with asyncio and without."""
    found = Counter(
        name for path in _sources() for name in re.findall(r"^class (\w+)", path.read_text("utf-8"), re.MULTILINE)
    )

    assert {name for name, times in found.items() if times > 1} == {"Router"}


@pytest.mark.parametrize(("table", "old", "new"), OPTIONS)
def test_an_option_has_its_new_name_alone(table, old, new):
    """No alias is left."""
    names = {field.name for field in attrs.fields(TABLES[table])}

    assert new in names
    assert old not in names


@pytest.mark.parametrize(("where", "old", "new"), NAMES)
def test_a_public_name_has_its_new_name_alone(where, old, new):
    """No alias is left."""
    module, _, last = where.rpartition(".")
    place = getattr(import_module(module), last) if last[0].isupper() else import_module(where)
    names = {field.name for field in attrs.fields(place)} if isinstance(place, type) else dir(place)

    assert new in names
    assert old not in names


def test_private_words_are_gone():
    """What was renamed inside is named nowhere."""
    assert {path.name for path in _sources() if GIVEN_UP.search(path.read_text("utf-8"))} == set()
