"""Who may import whom, read from the imports themselves."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
CORE = HERE / "router" / "pixroute"

VALUES = {
    "values",
    "words",
    "outcome",
    "request",
    "cost",
    "policy",
    "secret",
    "result",
    "latency",
    "provider",
    "picture",
    "redact",
    "sanitizer",
    "fit",
    "content",
    "group",
}
LAYERS = {
    # package or module: what of pixroute it may import at run time, besides itself
    "outcome": set(),
    "words": set(),
    "system": set(),
    "secret": set(),
    "values": {"secret", "words"},
    "request": {"values", "words"},
    "cost": set(),
    "redact": set(),
    "sanitizer": {"redact", "secret"},
    "policy": {"request", "values", "words"},
    "group": {"values", "words"},
    "result": {"cost", "outcome", "content", "values"},
    "content": {"system"},
    "convert": {"content", "result"},
    "picture": {"request"},
    "latency": {"request", "values", "words"},
    "provider": {"latency", "outcome", "policy", "request", "secret", "values", "words"},
    "fit": {"provider", "request", "result"},
    "references": {"picture", "request", "values", "words"},
    "errors": {"cost", "outcome", "result"},
    "events": {"cost", "outcome"},
    "trace": set(),
    "labels": set(),
    "hookspecs": {"provider", "events"},
    "offers": {"hookspecs", "provider"},
    "plugins": {"hookspecs", "provider", "events", "errors", "offers", "secret"},
    "health": {"latency", "outcome", "policy", "provider", "events", "request"},
    "http": VALUES - {"result", "fit"} | {"values", "sanitizer", "system"},
    "dialects": {"http", "outcome", "provider", "redact", "request"},
    "config": VALUES | {"shared", "plugins", "errors", "events", "hookspecs", "offers"},
    "ledger": VALUES | {"events", "hookspecs", "errors"},
    "shared": {"request", "values", "words"},
    "routing": VALUES
    | {
        "health",
        "http",
        "config",
        "shared",
        "plugins",
        "events",
        "errors",
        "convert",
        "references",
        "hookspecs",
        "trace",
    },
    "serve": VALUES | {"routing", "config", "shared", "plugins", "events", "errors", "health", "http", "system"},
    "blocking": VALUES | {"routing", "config", "plugins", "events", "errors", "health", "http"},
}
PURE = [
    "values.py", "words.py", "request.py", "result.py", "outcome.py", "policy.py", "cost.py", "fit.py", "provider.py",
    "routing/plan.py", "routing/view.py", "routing/verdicts.py", "routing/reserve.py",
    "group.py", "routing/draw.py", "routing/settle.py", "routing/budget.py", "health/breaker.py", "health/stall.py",
    "health/evidence.py", "health/phases.py", "health/ramp.py", "health/backoff.py", "health/listening.py",
    "health/sickness.py",
    "health/force.py", "health/hearing.py", "health/merging.py", "health/statement.py", "health/sketch.py",
    "health/telling.py",
    "health/in_flight.py", "http/judging/diagnosis.py", "http/judging/envelope.py", "http/judging/hints.py",
    "http/judging/intermediary.py", "routing/heartbeat.py", "http/body/filler.py", "shared/budgets.py",
    "shared/schema.py",
]  # fmt: skip
IMPURE = {"asyncio", "time", "random", "socket", "aiohttp", "threading"}


def imports(path: Path) -> set[str]:
    """Full names of what a file imports when it runs; what only a type checker reads is left out."""
    found = set()

    def visit(node):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names if node.module == "pixroute")
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def rooms(path: Path) -> set[str]:
    """First part, below pixroute, of what a file imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("pixroute.")}


@pytest.mark.parametrize("room", LAYERS)
def test_no_arrow_points_up(room):
    """A module knows those below it, never those above."""
    files = [CORE / f"{room}.py"] if (CORE / f"{room}.py").exists() else sorted((CORE / room).rglob("*.py"))

    strange = {f"{path.relative_to(CORE)}: {arrow}" for path in files for arrow in rooms(path) - LAYERS[room] - {room}}

    assert strange == set()


@pytest.mark.parametrize("name", PURE)
def test_what_decides_is_pure(name):
    """No I/O, no clock, no randomness, no asyncio."""
    assert {module.split(".")[0] for module in imports(CORE / name)} & IMPURE == set()


PLANNER = ("plan", "view", "verdicts", "reserve")


@pytest.mark.parametrize("name", PLANNER)
def test_the_planner_knows_values_and_health_only(name):
    """What next is decided from what is known, not asked for."""
    path = CORE / "routing" / f"{name}.py"

    of_routing = {module for module in imports(path) if module.startswith("pixroute.routing.")}

    assert rooms(path) <= {"health", "latency", "outcome", "policy", "provider", "routing"}
    assert of_routing <= {f"pixroute.routing.{one}" for one in PLANNER}


def test_the_core_imports_no_plugin_and_no_plugin_another():
    """Built-in plugins are found like anybody's, and use the public names only."""
    plugins = {
        path.name for path in (HERE / "plugins").iterdir() if path.is_dir() and path.name.startswith("pixroute_")
    }

    for path in CORE.rglob("*.py"):
        assert {name.split(".")[0] for name in imports(path)} & plugins == set(), path
    for plugin in plugins:
        for path in (HERE / "plugins" / plugin).rglob("*.py"):
            found = imports(path)
            assert {name.split(".")[0] for name in found} & (plugins - {plugin}) == set(), path
            assert rooms(path) <= {"http", "dialects", "events", "labels"} | set(__import__("pixroute").__all__), path


def test_public_names_are_few_sorted_and_true():
    """`pixroute/__init__.py` is a table of contents of at most 30 names."""
    import pixroute  # noqa: PLC0415

    assert pixroute.__all__ == sorted(pixroute.__all__)
    assert len(pixroute.__all__) <= 30
    assert all(getattr(pixroute, name) for name in pixroute.__all__)
