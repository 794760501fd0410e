"""Rows 1-4 and 40: whatever goes wrong before the request leaves is free, and told apart."""

import asyncio

import pytest

from pixroute import FailureKind, Stage
from pixroute.health.states import OpenReason
from pixroute.http.pace import Pace
from pixroute.outcome import Billing
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import Certificates, Dns, ScriptedServer, Sink, Step, StubResolver

K, FREE = FailureKind, Billing.FREE
NAME = "https://images.example"
HASTY = Pace(connect=0.2)


async def closed_origin():
    """Give an address where nobody listens any more."""
    async with ScriptedServer(Step.hang()) as server:
        return server.origin


# Names


@pytest.mark.parametrize("answer", [Dns.NXDOMAIN, Dns.SERVFAIL], ids=lambda answer: answer.name)
async def test_row_01_a_name_that_is_not_known(fails_over, answer):
    """The name is asked for again once, and then the fallback serves."""
    resolver = StubResolver({"images.example": answer})

    told = await fails_over(NAME, K.CONNECT, Stage.CONNECT, FREE, says="could not be resolved", resolver=resolver)

    assert [attempt.provider for attempt in told.attempts] == ["primary", "primary", "fallback"]
    assert resolver.asked == ["images.example"] * 2
    assert told.result.record.seconds < 2


async def test_row_01_a_name_that_the_system_does_not_know(fails_over):
    """The system's own resolver says so too: `.invalid` is nobody's for ever (RFC 6761)."""
    told = await fails_over(
        "https://x.invalid", K.CONNECT, Stage.CONNECT, FREE, says="could not be resolved", pace=Pace(connect=5)
    )

    assert told.result.record.seconds < 2


async def test_row_02_a_resolver_that_hangs(fails_over):
    """Looking up a name has connecting's time, is not tried again, and does not hold up the loop."""
    resolver = StubResolver({"images.example": Dns.HANG})
    lag = asyncio.create_task(longest_lag())

    told = await fails_over(
        NAME, K.CONNECT, Stage.CONNECT, FREE, says="No connection was made", resolver=resolver, pace=HASTY
    )
    lag.cancel()

    assert [attempt.provider for attempt in told.attempts] == ["primary", "fallback"]
    assert 0.2 <= told.first.seconds < 1
    assert await lag < 0.15


async def longest_lag():
    """Measure by how much the loop is late, at worst, until cancelled."""
    loop, worst = asyncio.get_running_loop(), 0.0
    try:
        while True:
            due = loop.time() + 0.01
            await asyncio.sleep(0.01)
            worst = max(worst, loop.time() - due)
    except asyncio.CancelledError:
        return worst


async def test_row_03_a_dead_address_before_a_living_one(wired, delivers):
    """The living address of two is used, hardly later."""
    resolver = StubResolver({"images.example": ["127.0.0.9", "127.0.0.1"]})
    async with (
        ScriptedServer(delivers(blank_png(1024, 1024))) as server,
        wired(f"http://images.example:{server.port}", resolver=resolver) as wire,
    ):
        told = await wire.ask()

    assert told.result.provider == "primary"
    assert told.first.facts["first_byte"] < 0.3


# Sockets


async def test_row_04_connection_refused(fails_over):
    """Nobody listens: asked once more, free, then the fallback."""
    told = await fails_over(await closed_origin(), K.CONNECT, Stage.CONNECT, FREE, says="refused")

    assert [attempt.provider for attempt in told.attempts] == ["primary", "primary", "fallback"]


async def test_row_04_five_refused_open_the_origin(wired):
    """Five requests, each with its retry, are five pieces of evidence, against the origin and not the model."""
    async with wired(await closed_origin()) as wire:
        states = []
        for number in range(5):
            await wire.ask(f"picture {number}")
            states.append(wire.state("origin"))
        told = await wire.ask("the sixth")
        upstream = wire.state("upstream")

    assert states == [("closed", None)] * 4 + [("open", OpenReason.STREAK)]
    assert upstream == ("closed", None)
    assert [attempt.provider for attempt in told.attempts] == ["fallback"]


# TLS


@pytest.fixture(scope="module")
def certificates():
    """Certificates, right and wrong."""
    return Certificates("127.0.0.1")


@pytest.fixture
def ca_file(certificates, tmp_path):
    """Give the file of the authority that is trusted."""
    path = tmp_path / "ca.pem"
    path.write_bytes(certificates.ca_pem)
    return {"ca_file": str(path)}


async def test_row_40_a_certificate_that_is_in_order(wired, delivers, certificates, ca_file):
    """The authority given is believed, so the failures below are of the certificates."""
    async with (
        ScriptedServer(delivers(blank_png(1024, 1024)), ssl=certificates.good) as server,
        wired(server.origin, settings=ca_file) as wire,
    ):
        told = await wire.ask()

    assert told.result.provider == "primary"
    assert not told.first.facts["plaintext"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("expired", "has expired"),
        ("wrong_host", "is for another host"),
        ("unknown_authority", "is not from a known authority"),
    ],
    ids=["expired", "wrong host", "unknown authority"],
)
async def test_row_40_a_certificate_that_is_wrong(fails_over, certificates, ca_file, fault, says):
    """It is said what is wrong with it; nothing is sent, nothing is tried again, nothing is weakened."""
    async with ScriptedServer(Step.json({}), ssl=getattr(certificates, fault)) as server:
        told = await fails_over(server.origin, K.TLS, Stage.CONNECT, FREE, says=says, settings=ca_file)

    assert [attempt.provider for attempt in told.attempts] == ["primary", "fallback"]
    assert (server.requests, server.bytes_received) == ([], 0)


async def test_row_40_a_handshake_that_hangs(fails_over):
    """TLS is part of connecting and of its time; not a byte of the request leaves."""
    async with Sink() as mute:
        told = await fails_over(
            mute.origin.replace("http:", "https:"),
            K.CONNECT,
            Stage.CONNECT,
            FREE,
            says="No connection was made within 0.2",
            pace=HASTY,
        )

    assert 0.2 <= told.first.seconds < 1
    assert b"images" not in mute.received
    assert mute.connections == 1


async def test_row_40_a_port_without_tls(fails_over):
    """https:// to a port that speaks plain HTTP is a mix-up, and is said to be one."""
    async with Sink(b"HTTP/1.1 400 Bad Request\r\n\r\n") as plain:
        origin = plain.origin.replace("http:", "https:")
        await fails_over(origin, K.TLS, Stage.CONNECT, FREE, says="does not speak TLS")
