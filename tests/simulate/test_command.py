"""`pixroute simulate`."""

import pytest

from pixroute.cli import main

pytestmark = pytest.mark.slow  # a whole small scenario for several policies

COMPARED = ("--against", "pixroute", "--against", "three-retries")
SCENARIO = """
hours = 0.1
[[faults]]
on = "banana"
kind = "hang"
start = 100
"""


@pytest.fixture
def scenario(tmp_path):
    """A small scenario in a file."""
    path = tmp_path / "small.toml"
    path.write_text(SCENARIO)
    return path


def test_a_table_and_a_report_are_written(scenario, tmp_path, capsys):
    """Ours and another, in two worlds each; plots in the report."""
    code = main(["simulate", str(scenario), "--seeds", "2", "-o", str(tmp_path / "report"), *COMPARED])

    told = capsys.readouterr().out
    assert code == 0
    assert "three-retries" in told
    assert "possibly billed" in told
    report = (tmp_path / "report" / "small.html").read_text()
    assert report.count("<svg") == 4
    assert "abandoned" in report


def test_policies_in_files_are_compared(scenario, tmp_path, capsys):
    """Each by its file's name."""
    policy = tmp_path / "hasty.toml"
    policy.write_text("[policy]\nhedge_after = 0.8\n")

    assert main(["simulate", str(scenario), "--policy", str(policy), "--against", "no-hedge"]) == 0
    told = capsys.readouterr().out
    assert "hasty" in told
    assert "no-hedge" in told


def test_a_broken_scenario_is_told(tmp_path, capsys):
    """Path and mistake, exit code 2."""
    path = tmp_path / "broken.toml"
    path.write_text("hours = true\n")

    assert main(["simulate", str(path)]) == 2
    assert "hours" in capsys.readouterr().err
