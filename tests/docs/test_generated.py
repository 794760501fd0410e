"""The generated pages say what the classes say, and leave nothing out."""

import importlib
import re
from pathlib import Path

import attrs
import pytest

from pixroute import errors
from pixroute.cli.app import pixroute
from pixroute.config.model import When
from pixroute.outcome import FailureKind
from pixroute.plugins import load_plugins
from pixroute.policy import BreakerPolicy, Policy, RetryPolicy
from pixroute.values import field_kinds

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def imported():
    """Import from the package that writes the pages, which is a script's and not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        yield importlib.import_module


@pytest.mark.slow  # matplotlib and rich are imported by the commands
def test_the_pages_are_up_to_date(imported):
    """`python docs/generate.py` would change nothing."""
    stale = [
        name
        for name, text in imported("generator").pages().items()
        if (DOCS / name).read_text(encoding="utf-8") != text
    ]

    assert stale == [], "run `python docs/generate.py`"


def _headings(page: str) -> set[str]:
    return set(re.findall(r"^#+ (.+)$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE))


def test_every_failure_kind_has_a_heading():
    """A kind can be looked up by its name."""
    assert _headings("reference/failures.md") >= {str(kind) for kind in FailureKind}


def test_the_readme_counts_the_kinds():
    """README.md says how many kinds there are."""
    assert f"one of {len(FailureKind)} kinds" in (DOCS.parent / "README.md").read_text(encoding="utf-8")


def test_every_exception_is_told():
    """What a call may raise stands on the page that says what to do about it."""
    page = (DOCS / "which-failure.md").read_text(encoding="utf-8")
    raised = [name for name in dir(errors) if isinstance(getattr(errors, name), type)]
    ours = [name for name in raised if issubclass(getattr(errors, name), errors.PixrouteError)]

    assert [name for name in ours if f"`{name}`" not in page] == []


def test_every_event_has_a_heading(imported):
    """An event can be looked up by its class."""
    told = {cls.__name__ for cls in imported("generator.events").event_classes()}

    assert {"RequestStarted", "AttemptFinished", "BreakerChanged"} <= told
    assert _headings("reference/events.md") >= told


def test_every_hook_has_a_heading(imported):
    """A hook can be looked up by its name."""
    told = imported("generator.events").hook_functions().keys()

    assert told == {"pixroute_providers", "pixroute_observers"}
    assert _headings("reference/hooks.md") >= told


@pytest.mark.parametrize("package", ["pixroute", "pixroute.http", "pixroute.testing"])
def test_every_public_name_is_described(imported, package):
    """What a package exports has its place on a page of the Python API."""
    public = set(importlib.import_module(package).__all__)

    assert public - imported("generator.python").documented() == set()


def test_what_it_says_when_one_is_wrong(imported):
    """Twenty configurations and ten calls, or more, each with a sentence of its own."""
    page = imported("generator.mistakes")
    files = [tuple(page.said_of_file(wrong)) for wrong in page.CONFIGURATIONS]
    calls = [page.said_of_call(call) for call in page.CALLS]

    assert len(set(files)) == len(files) >= 20
    assert len(set(calls)) == len(calls) >= 10
    assert "sk-live" not in str(files)


def test_every_command_has_a_heading():
    """A command can be looked up by its name."""
    headings = " ".join(_headings("reference/cli.md"))

    assert [name for name in pixroute.commands if f"`pixroute {name}" not in headings] == []


def test_every_option_of_the_file_is_told():
    """Whatever may stand in a configuration has a row."""
    page = (DOCS / "reference/configuration.md").read_text(encoding="utf-8")
    plugins = load_plugins()
    settings = [spec.settings for spec in plugins.providers.values()]
    watching = [spec.settings for spec in plugins.observers.values() if spec.settings and attrs.has(spec.settings)]
    names = {
        name for cls in (Policy, RetryPolicy, BreakerPolicy, When, *settings, *watching) for name in field_kinds(cls)
    }

    assert [name for name in sorted(names) if f"\n| `{name}` |" not in page] == []
    assert [spec for spec in plugins.providers if f'`type = "{spec}"`' not in page] == []
