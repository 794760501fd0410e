"""The units and manifests of a fleet: they can be read, each line is explained, and the grace fits the pictures."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from pixroute.config.load import load
from pixroute.plugins import load_plugins

FLEET = Path(__file__).parents[2] / "examples" / "fleet"
UNITS = ("pixroute@.service", "pixroute.target")


@pytest.fixture
def configuration(monkeypatch):
    """Read the fleet's configuration."""
    monkeypatch.setenv("APIYI_KEY", "k" * 20)
    monkeypatch.setenv("PIXROUTE_STORE", "postgresql://pixroute@postgres/pixroute")
    return load(FLEET / "pixroute.toml", load_plugins())


def unit(name):
    read = configparser.ConfigParser(interpolation=None, strict=True)
    read.optionxform = str
    read.read(FLEET / name)
    return read


def manifests():
    yaml = pytest.importorskip("yaml")
    return {one["kind"]: one for one in yaml.safe_load_all((FLEET / "kubernetes.yaml").read_text())}


def longest(configuration):
    policies = [chain.policy for chain in configuration.chains.values()]
    return max(seconds for policy in policies for seconds in policy.attempt_timeout.values())


def test_the_grace_fits_the_pictures(configuration):
    """A process is killed only after its drain, and its drain is longer than the longest attempt."""
    drain = configuration.serve.drain
    pod = manifests()["Deployment"]["spec"]["template"]["spec"]
    pause = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])

    assert longest(configuration) < drain
    assert drain + 10 <= int(unit("pixroute@.service")["Service"]["TimeoutStopSec"])
    assert drain + pause + 10 <= pod["terminationGracePeriodSeconds"]


def test_what_is_shared_is_shared(configuration):
    """The store comes from the environment that units and manifests give, and a limit is the fleet's."""
    pod = manifests()["Deployment"]["spec"]["template"]["spec"]
    secret = manifests()["Secret"]

    assert configuration.providers["banana"].settings.shared
    assert configuration.shared.store.reveal().startswith("postgresql://")
    assert secret["stringData"].keys() == {"APIYI_KEY", "PIXROUTE_STORE"}
    assert pod["containers"][0]["envFrom"] == [{"secretRef": {"name": secret["metadata"]["name"]}}]
    assert unit("pixroute@.service")["Service"]["Environment"] == "PIXROUTE_STORE=/var/lib/pixroute/state.db"


def test_names_fit_together():
    """What one part names, another has."""
    found = manifests()
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    container = found["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    volumes = {one["name"] for one in found["Deployment"]["spec"]["template"]["spec"]["volumes"]}

    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert {one["name"] for one in container["volumeMounts"]} == volumes
    assert found["Service"]["spec"]["ports"][0]["targetPort"] == container["ports"][0]["containerPort"]
    assert unit("pixroute@.service")["Unit"]["PartOf"] == UNITS[1]


@pytest.mark.parametrize("name", [*UNITS, "kubernetes.yaml"])
def test_every_line_is_explained(name):
    """A line that says something follows its comment, or stands in a group that has one, three lines back at most."""
    since, unexplained = 99, []
    for line in (FLEET / name).read_text().splitlines():
        text = line.strip()
        since = 0 if text.startswith("#") else since + 1
        says = text and not text.startswith(("#", "[", "---")) and not text.endswith(":")
        plain = text.startswith(("apiVersion", "kind", "- name", "name:"))
        if says and not plain and since > 6:
            unexplained.append(line)

    assert unexplained == []


def test_systemd_reads_the_units():
    """As `systemd-analyze verify` does, where it is installed."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    done = subprocess.run(
        ["systemd-analyze", "verify", *(FLEET / name for name in UNITS)], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "Unknown" in line or "Failed to parse" in line]

    assert ours == []
