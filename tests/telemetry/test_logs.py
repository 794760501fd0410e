"""Every record under `pixroute` has fields beside its sentence, for those who read logs by machine."""

import ast
import logging
from pathlib import Path

import pytest

from pixroute import FailureKind
from pixroute.testing import FakeProvider, fail, fake_router, run_virtual

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
MODULES = sorted([*(ROOT / "router").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")])
TAKEN = {*vars(logging.makeLogRecord({})), "message", "asctime"}


def calls(path):
    """The calls that write a record."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in {"log", "_log", "logger"}:
                yield node


def test_every_record_has_fields():
    """A call without `extra` tells machines nothing."""
    found = [(path, call) for path in MODULES for call in calls(path)]
    bare = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path, call in found
        if "extra" not in {keyword.arg for keyword in call.keywords}
    ]

    assert len(found) >= 25
    assert bare == []


def test_no_module_hands_a_logging_method_on():
    """A record written by somebody else's call would have no fields."""
    handed = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for argument in node.args
        if isinstance(argument, ast.Attribute)
        and argument.attr in LEVELS
        and isinstance(argument.value, ast.Name)
        and argument.value.id in {"log", "_log"}
    ]

    assert handed == []


@pytest.mark.parametrize("kind", [None, FailureKind.AUTH])
def test_what_a_request_writes(kind, caplog):
    """Its id, chain, provider, seconds and tags; of what is to be mended also kind and blame."""
    caplog.set_level(logging.INFO, logger="pixroute")
    script = [fail(kind, 1, status=401)] if kind else []

    async def main():
        async with fake_router(first=FakeProvider(*script), second=FakeProvider()) as router:
            await router.generate("a lighthouse", request_id="mine-1", tags={"team": "red"})

    run_virtual(main())

    ended = next(record for record in caplog.records if record.getMessage().startswith("request mine-1"))
    assert (ended.request, ended.chain, ended.tags) == ("mine-1", "default", {"team": "red"})
    assert ended.provider == ("second" if kind else "first")
    if kind:
        warned = next(record for record in caplog.records if record.levelname == "WARNING")
        assert (warned.kind, warned.blame, warned.provider, warned.request) == ("auth", "key", "first", "mine-1")
    assert "lighthouse" not in str([vars(record) for record in caplog.records])
