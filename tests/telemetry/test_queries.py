"""The dashboard and the alerts ask for metrics and labels that exist."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from pixroute_prometheus.metrics import PrometheusMetrics

EXAMPLES = Path(__file__).parents[2] / "examples" / "prometheus"
DOCS = Path(__file__).parents[2] / "docs"
PROMTOOL = shutil.which("promtool")
DASHBOARD = json.loads((EXAMPLES / "dashboard.json").read_text(encoding="utf-8"))
ALERTS = (EXAMPLES / "alerts.yml").read_text(encoding="utf-8")
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
BY_ALERT = re.findall(r"expr: (?:>\n)?(.*?)\n {8}(?:for|labels)", ALERTS, re.DOTALL)


@pytest.fixture(scope="module")
def known():
    """Every name that the exposition may show, with its labels."""
    registry = CollectorRegistry()
    families = [one for one in vars(PrometheusMetrics(registry)).values() if hasattr(one, "of")]
    shown = {}
    for family in families:
        metric = family._metric
        labels = set(metric._labelnames)
        for name in registry._get_names(metric):
            shown[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    return shown


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *BY_ALERT])
def test_a_query_asks_for_what_exists(expression, known):
    """Names, the labels that are matched, and those that are grouped by."""
    asked = re.findall(r"(pixroute_\w+)(?:\{(.*?)\})?", expression)
    labels = set().union(*(known.get(name, set()) for name, _ in asked))
    grouped = {word.strip() for group in re.findall(r"by \((.*?)\)", expression) for word in group.split(",")}

    assert asked
    assert [name for name, _ in asked if name not in known] == []
    assert [
        label for name, matched in asked for label in re.findall(r"(\w+)(?==|!)", matched) if label not in known[name]
    ] == []
    assert grouped <= labels


def test_every_metric_is_on_the_page(known):
    """Whoever writes a query finds its name there."""
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(pixroute_\w+)`", page))
    bases = {re.sub(r"_(total|created|bucket|count|sum)$", "", name) for name in known}

    assert {re.sub(r"_total$", "", name) for name in told} == bases


def test_there_is_a_query_for_each_panel_and_alert():
    """None is empty."""
    assert len(EXPRESSIONS) >= len(DASHBOARD["panels"]) == 12
    assert len(BY_ALERT) == ALERTS.count("- alert:") == 9


@pytest.mark.skipif(PROMTOOL is None, reason="promtool comes with Debian's prometheus")
@pytest.mark.parametrize("command", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_promtool_agrees(command):
    """The rules are well formed, and fire when they should."""
    done = subprocess.run([PROMTOOL, *command], cwd=EXAMPLES, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
