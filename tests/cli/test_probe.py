"""`pixroute check --online`: against the emulator, and servers that follow a script."""

from __future__ import annotations

import pytest
from attrs import evolve

from pixroute.cli import probe
from pixroute.config.walk import Link
from pixroute.http.transport import Transport
from pixroute.policy import Policy
from pixroute.secret import Secret
from pixroute.testing import FakeProvider
from pixroute.testing.emulator import Emulator
from pixroute.testing.faults import Certificates, ScriptedServer, Step
from pixroute_gemini.provider import Gemini, GeminiSettings
from pixroute_nano_banana.provider import NanoBananaProHttpsSettings, create
from pixroute_seedream.provider import Seedream, SeedreamSettings

KEY = Secret("sk-correct-horse")
LISTED = {"data": [{"id": "nano-banana-pro"}]}


@pytest.fixture
async def asked():
    """Ask a provider and give what was found, as text by level."""
    transport = Transport()

    async def asked(provider):
        link = Link(name="a", provider=provider, settings=provider.settings)
        found = await probe.probe(link, Policy(), transport)
        return [f"{one.level} {one.path}: {one.message}" for one in found]

    yield asked
    await transport.aclose()


def banana(base_url, **settings):
    usual = {"api_key": KEY, "plaintext": "accept", "base_url": base_url}
    return create("a", NanoBananaProHttpsSettings(**usual | settings))


@pytest.mark.slow  # a certificate is made
async def test_over_tls_the_certificate_is_looked_at(asked, tmp_path):
    """The days it is good for; the key is tried where that costs nothing, and nothing is billed."""
    async with Emulator(time_scale=0, tls=True, keys={"sk-correct-horse"}) as emulator:
        (path := tmp_path / "ca.pem").write_text(emulator.ca_pem)
        reached, key = await asked(banana(emulator.https_url, ca_file=path))

    assert reached.startswith("note providers.a: reached at ")
    assert "TLSv1.3, certificate good for " in reached
    assert reached.endswith("TCP keep-alive after 30 s of silence")
    assert key == "note providers.a.api_key: the key is accepted"
    assert [call.method for call in emulator.requests] == ["GET"]
    assert emulator.ledger.entries == ()


async def test_a_wrong_key_is_told_and_not_shown(asked):
    """Before anybody waits for a picture."""
    async with Emulator(time_scale=0, keys={"another"}) as emulator:
        _, key = await asked(banana(emulator.http_url))

    assert key.startswith("error providers.a.api_key: ")
    assert "401" in key
    assert "correct-horse" not in key


async def test_a_model_that_is_not_listed_is_told(asked):
    """A misspelt or retired one fails only when a picture is asked for."""
    async with Emulator(time_scale=0) as emulator:
        _, model = await asked(banana(emulator.http_url, model="nano-banana-nix"))

    assert model.startswith("warning providers.a.model: the key is accepted, but nano-banana-nix is not among the ")


async def test_googles_list_is_read_too(asked):
    """Its names begin with models/, and the key goes into its own header."""
    listed = {"models": [{"name": "models/gemini-3-pro-image"}]}
    async with ScriptedServer(Step.json(listed)) as server:
        settings = GeminiSettings(api_key=KEY, base_url=f"{server.origin}/v1beta", plaintext="accept")
        _, key = await asked(Gemini("a", settings))

    assert key == "note providers.a.api_key: the key is accepted"
    assert server.requests[0].path == "/v1beta/models?pageSize=1000"
    assert server.requests[0].headers["x-goog-api-key"] == "sk-correct-horse"


async def test_without_a_free_call_no_key_is_sent(asked):
    """The endpoint is reached all the same, whatever it answers."""
    async with ScriptedServer(Step.json({}, status=404)) as server:
        settings = SeedreamSettings(api_key=KEY, base_url=f"{server.origin}/api/v3", via="ark", plaintext="accept")
        _, key = await asked(Seedream("a", settings))

    assert key == "note providers.a.api_key: no free call there can tell whether the key is accepted"
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (404, "note providers.a.api_key: whether the key is accepted cannot be told: there is no v1/models (404)"),
        (503, "warning providers.a.api_key: "),
        (402, "error providers.a.api_key: "),
    ],
)
async def test_other_answers(asked, status, expected):
    """No such list is nothing to worry about, an overload passes, an empty account does not."""
    async with ScriptedServer(Step.json({"error": {"message": "no"}}, status=status)) as server:
        found = await asked(banana(server.origin))

    assert found[1].startswith(expected)


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (
            "cloudflare",
            "warning providers.a: Cloudflare stands there, and by default cuts a silent request after 120 s",
        ),
        ("nginx/1.22.1", "note providers.a: nginx stands there, and by default cuts a silent request after 60 s"),
    ],
)
async def test_who_stands_there_is_told_beside_our_own_times(asked, server, expected):
    """One that cannot be told to wait longer is a warning."""
    async with ScriptedServer(Step.json(LISTED, headers={"Server": server})) as upstream:
        found = await asked(banana(upstream.origin))

    assert found[2] == f"{expected}; we wait 600 s, and at 4K half the answers take 120 s and more"


async def test_an_origin_that_is_not_there(asked):
    """Is an error, in the words of the diagnosis."""
    async with ScriptedServer() as server:
        origin = server.origin
    (found,) = await asked(banana(origin))

    assert found.startswith(f"error providers.a: {origin}: ")
    assert "refused" in found


@pytest.mark.slow  # certificates are made
async def test_a_certificate_from_nowhere_known(asked):
    """Is an error before the key is sent."""
    async with ScriptedServer(ssl=Certificates().good) as server:
        (found,) = await asked(banana(server.origin))

    assert "certificate" in found
    assert server.requests == []


SEEN = probe.SeenConnection(
    address="192.0.2.1:443",
    protocol="TLSv1.3",
    days=63.2,
    keep_alive={"SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10},
)
REACHED = "reached at 192.0.2.1:443, TLSv1.3, certificate good for"
ALIVE = "TCP keep-alive after 30 s of silence"
DEAD = "the system does not keep its connections alive as asked: SO_KEEPALIVE 0, TCP_KEEPIDLE 7200"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [f"note {REACHED} 63 days, {ALIVE}"]),
        ({"days": 3}, [f"warning {REACHED} 3 days, {ALIVE}"]),
        (
            {"keep_alive": {"SO_KEEPALIVE": 0, "TCP_KEEPIDLE": 7200}},
            [f"note {REACHED} 63 days", f"warning {DEAD}"],
        ),
    ],
)
def test_what_a_connection_shows(changes, expected):
    """A certificate near its end and keep-alive times that do not take are warnings."""
    link = Link(name="a", provider=FakeProvider(), settings=FakeProvider().settings)

    found = probe._of_connection(link, evolve(SEEN, **changes))

    assert [f"{one.level} {one.message}" for one in found] == expected


async def test_a_local_model_is_not_asked(asked):
    """There is no origin to reach."""
    assert await asked(FakeProvider()) == ["note providers.a: does not speak HTTP, so there is nothing to ask"]
