"""My configuration before the emulator, as its users have it: processes, without a key."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import urllib.request

import pytest

from pixroute.config.load import read_toml

pytestmark = pytest.mark.slow  # starts processes, and makes pictures

COMMAND = [sys.executable, "-c", "import sys; from pixroute.cli import main; sys.exit(main())"]
CONFIG = """
[chains]
default = ["flux", "mine", "dream"]
cheap = { providers = ["dream", "flux"], max_cost = "0.05" }
[[rules]]
chain = "cheap"
when = { tags = { team = "studio" } }
[policy]
retry = { quick = false }
[providers.flux]
type = "bfl"
api_key = { env = "FLUX_KEY" }
[providers.mine]
type = "acme"
base_url = "https://pictures.acme.example/api/v9"
api_key = { file = "/run/secrets/acme" }
[providers.dream]
type = "seedream"
api_key = { env = "AGGREGATOR_KEY" }
price = { other = "0.031" }
proxy = "http://proxy.example:3128"
[observers.ledger]
path = "spent.jsonl"
[serve]
port = 0
access_log = false
models = { house = "cheap" }
"""
PLUGIN = """
from pixroute.hookspecs import hookimpl
from pixroute.provider import ProviderSpec
{imports}

@hookimpl
def pixroute_providers():
    return [
        ProviderSpec(
            name="acme", create="acme_provider:Acme", settings="acme_provider:AcmeSettings", emulated={emulated!r}
        )
    ]
"""
PROVIDER = '''
from attrs import frozen
from pixroute.http import Call, HttpProvider, HttpSettings
from pixroute.provider import Capabilities


@frozen(kw_only=True)
class AcmeSettings(HttpSettings):
    """Settings."""

    base_url: str = "https://pictures.acme.example/api/v9"
    model: str = "acme-1"


class Acme(HttpProvider[AcmeSettings]):
    """A service of its own making."""

    def capabilities(self):
        return Capabilities(resolutions={"1K"})

    def encode(self, request):
        return Call.post("draw", json={"model": self.settings.model, "what": request.prompt})

    def decode(self, reply):
        return [reply.json["picture"]]
'''
PLACE = '''
from pixroute.testing.emulator import EmulatedPlace, Service
from pixroute.testing.emulator.dialects import json_answer
from pixroute.testing.emulator.order import Order


class Draw:
    """Its dialect, of the emulator's side."""

    voice = "acme"

    def read(self, call):
        return Order(model=call.json["model"], prompt=call.json["what"], width=1024, height=1024)

    def render(self, order, sheets):
        return json_answer({"picture": sheets[0].base64})


PLACE = EmulatedPlace(
    path="/acme",
    service=Service(
        name="acme",
        routes=(("POST", "/acme/draw", "acme-draw"),),
        dialect=lambda _: Draw(),
        errors={"quota": (402, {"error": "no money left"})},
    ),
)
'''


@pytest.fixture
def run(folder, monkeypatch):
    """Run a command in a folder that has my configuration and an installed plugin of mine."""
    (folder / "pixroute.toml").write_text(CONFIG)
    site = folder / "site"
    (site / "acme-1.0.dist-info").mkdir(parents=True)
    (site / "acme-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (site / "acme-1.0.dist-info" / "entry_points.txt").write_text("[pixroute]\nacme = acme_plugin\n")
    (site / "acme_plugin.py").write_text(PLUGIN.format(imports="", emulated="acme_place:PLACE"))
    (site / "acme_provider.py").write_text(PROVIDER)
    (site / "acme_place.py").write_text(PLACE)
    monkeypatch.setenv("PYTHONPATH", str(site))

    def command(*arguments, code=0, env=None):
        told = subprocess.run(
            [*COMMAND, *arguments],
            cwd=folder,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert told.returncode == code, told.stdout + told.stderr
        return told.stdout

    return command


def document(out):
    """Give the attempts, the path of the rest and the document."""
    told = json.loads(out)
    return [(one["provider"], (one["failure"] or {"kind": "picture"})["kind"]) for one in told["attempts"]], told


def test_my_chain_with_a_fault_by_my_provider_s_name(run, folder):
    """A plugin's own type is played, too; what is not used is said, and nothing is written to my ledger."""
    out = run("generate", "x", "--emulated", "--size", "1K", "--fault", "flux=quota", "--json", "-o", "x.png")
    attempts, told = document(out)

    assert attempts == [("flux", "quota"), ("mine", "picture")]
    assert told["emulated"] is True
    assert told["configuration"].startswith("EMULATED: pixroute.toml in this folder; no provider is asked")
    assert told["configuration"].endswith("Not used: providers.dream.proxy; observers.ledger.")
    assert not (folder / "spent.jsonl").exists()


def test_my_rules_and_prices(run):
    """The tag's chain, at its price."""
    attempts, told = document(run("generate", "x", "--emulated", "--tag", "team=studio", "--size", "2K", "--json"))

    assert attempts == [("dream", "picture")]
    assert told["cost"]["certain"] == "0.031"


def test_my_plugin_s_words_for_a_fault(run):
    """A service tells faults as it does."""
    out = run("generate", "x", "--emulated", "--size", "1K", "--fault", "flux=quota", "--fault", "mine=quota", "--json")
    attempts, told = document(out)

    assert [name for name, _ in attempts] == ["flux", "mine", "dream"]
    assert "no money left" in told["attempts"][1]["failure"]["message"]


def test_a_type_that_the_emulator_does_not_know_is_left_out_and_told(run, folder):
    """Without its registration."""
    (folder / "site" / "acme_plugin.py").write_text(PLUGIN.format(imports="", emulated=None))

    attempts, told = document(run("generate", "x", "--emulated", "--size", "1K", "--fault", "flux=quota", "--json"))

    assert [name for name, _ in attempts] == ["flux", "dream"]
    assert "Not used: providers.mine, for the emulator does not know its type acme; " in told["configuration"]
    assert "providers.mine, for the emulator does not know its type acme" in " ".join(
        run("check", "--emulated").split()
    )


def test_a_fault_on_nobody_is_told(run):
    """With what there is."""
    told = subprocess.run(
        [*COMMAND, "generate", "x", "--emulated", "--fault", "flix=quota"], capture_output=True, text=True, check=False
    )

    assert told.returncode == 2
    assert "unknown selector 'flix'" in told.stderr
    assert "flux" in told.stderr


def test_emulate_writes_my_configuration_for_any_process(run, folder):
    """A service that only is told where its configuration is; results lie elsewhere."""
    where = ["--for", "pixroute.toml", "--port", "0", "--tls-port", "0", "--second"]
    process = subprocess.Popen(
        [*COMMAND, "emulate", *where, "--time-scale", "0.02", "--fault", "flux=quota"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        greeting = ""
        while "Ctrl-C ends it." not in greeting:
            greeting += process.stdout.readline()
        (file,) = re.findall(r"PIXROUTE_CONFIG=(\S+)", greeting)

        first, told = document(run("generate", "x", "--size", "1K", "--json", env={"PIXROUTE_CONFIG": file}))
        second, _ = document(run("generate", "x", "--size", "2K", "--json", env={"PIXROUTE_CONFIG": file}))
    finally:
        process.send_signal(signal.SIGINT)
        ledger, _ = process.communicate()

    assert first == [("flux", "quota"), ("mine", "picture")]
    assert second == [("flux", "quota"), ("dream", "picture")]
    assert told["emulated"] is False
    assert "in place of https://api.bfl.ai:443" in greeting
    assert "Not used: providers.dream.proxy; observers.ledger." in greeting
    assert read_toml(folder / "pixroute-emulated" / "pixroute.toml")["rules"][0]["chain"] == "cheap"
    assert ledger.endswith("4 received, 2 made, 2 billed.\n")


def test_batch_calibrate_and_serve_play_it_too(run, folder):
    """Every command that has --emulated."""
    (folder / "prompts.txt").write_text("a lighthouse\na boat\n")
    batch = run("batch", "prompts.txt", "-o", "out", "--emulated", "--chain", "cheap", "--json")
    calibrated = run("calibrate", "--emulated", "--chain", "cheap", "--size", "2K", "-n", "2", "--provider", "dream")

    assert json.loads(batch)["done"] == 2
    assert "dream 2K: 2 of 2 delivered" in calibrated


def test_the_gateway_serves_my_names(run, folder):
    """By `[serve] models`, over my chain."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--emulated"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        url = None
        while url is None:
            url = re.search(r"Listening: (\S+)/v1", process.stdout.readline())
        asked = urllib.request.Request(
            f"{url[1]}/v1/images/generations",
            json.dumps({"model": "house", "prompt": "x", "size": "2K"}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            told = json.load(answer)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()

    assert told["pixroute"]["provider"] == "dream"


def test_nothing_of_a_broken_configuration_is_played(run, folder):
    """Its mistakes are told as ever; a missing key is none."""
    (folder / "pixroute.toml").write_text(textwrap.dedent(CONFIG).replace('"bfl"', '"bfll"'))

    run("generate", "x", "--emulated", code=2)
