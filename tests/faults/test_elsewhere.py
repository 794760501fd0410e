"""Row 39: redirects, plaintext and result URLs. Key and prompt reach the origin they are for, and no other."""

import pytest

from pixroute import FailureKind, Stage
from pixroute.outcome import Billing
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import Certificates, ScriptedServer, Sink, Step

K, BILLED, FREE = FailureKind, Billing.BILLED, Billing.FREE
PICTURE = Step.reply(200, blank_png(1024, 1024), {"Content-Type": "image/png"})


@pytest.fixture
async def sink():
    """Stand at another origin, where not even a connection may arrive."""
    async with Sink(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as sink:
        yield sink
    assert (sink.connections, sink.received) == (0, b"")


@pytest.fixture(scope="module")
def certificates():
    """Certificates for this machine."""
    return Certificates("127.0.0.1")


@pytest.fixture
def ca_file(certificates, tmp_path):
    """Give the file of their authority."""
    path = tmp_path / "ca.pem"
    path.write_bytes(certificates.ca_pem)
    return {"ca_file": str(path)}


def leads_to(url, status=307):
    return Step.reply(status, b"", {"Location": url})


def lies_at(url):
    """Answer with the URL of a picture."""
    return Step.json({"data": [{"url": url}]})


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_row_39_a_redirect_to_another_origin_is_not_followed(fails_over, sink, status):
    """A redirect would carry the key, and by 307 and 308 the prompt; it is told and goes nowhere."""
    async with ScriptedServer(leads_to(f"{sink.origin}/v1/images", status)) as server:
        told = await fails_over(server.origin, K.PROTOCOL, Stage.BODY, FREE, says="redirect")

    assert "base_url" in told.first.failure.advice
    assert len(server.requests) == 1


async def test_row_39_a_redirect_from_https_to_http_is_not_followed(fails_over, sink, certificates, ca_file):
    """Not even on the same host: the key would travel in clear."""
    async with ScriptedServer(leads_to(sink.origin), ssl=certificates.good) as server:
        await fails_over(server.origin, K.PROTOCOL, Stage.BODY, FREE, says="redirect (307) to http:", settings=ca_file)


async def test_row_39_a_redirect_loop_is_not_entered(fails_over):
    """An answer that leads to itself is asked once."""
    async with ScriptedServer(leads_to("/v1/images/generations")) as server:
        await fails_over(server.origin, K.PROTOCOL, Stage.BODY, FREE, says="redirect")

    assert len(server.requests) == 1


# Plaintext


async def test_row_39_a_sensitive_request_never_goes_in_clear(wired, sink):
    """The provider on http:// is passed over, and the record shows that nothing of the request did."""
    async with wired(sink.origin) as wire:
        told = await wire.ask(sensitive=True)

    assert [attempt.provider for attempt in told.attempts] == ["fallback"]


async def test_row_39_plaintext_is_refused_unless_it_is_accepted(wired, sink):
    """A base URL on http:// is a mistake until somebody says that it is meant."""
    with pytest.raises(ValueError, match="would travel in clear"):
        async with wired(sink.origin, settings={"plaintext": "refuse"}):
            pass


# Result URLs


async def test_row_39_a_result_url_gets_neither_key_nor_prompt(wired):
    """The picture's host is somebody else: it is asked for the file and told nothing."""
    async with (
        ScriptedServer(PICTURE) as files,
        ScriptedServer(lies_at(f"{files.origin}/1.png")) as server,
        wired(server.origin) as wire,
    ):
        told = await wire.ask()

    assert told.result.provider == "primary"
    (fetched,) = files.requests
    assert (fetched.method, fetched.body) == ("GET", b"")
    assert sorted(name.lower() for name in fetched.headers) == ["accept", "accept-encoding", "host", "user-agent"]


async def lost(fails_over, url, says, *, ssl=None, **settings):
    """Let a provider answer with this URL, and find the picture paid for and its URL kept."""
    async with ScriptedServer(lies_at(url), ssl=ssl) as server:
        told = await fails_over(server.origin, K.BAD_IMAGE, Stage.BODY, BILLED, says=says, settings=settings)

    assert told.first.failure.url == told.first.facts["url"] == url


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "169.254.169.254"])
async def test_row_39_a_result_url_on_a_private_address(fails_over, sink, host):
    """Nobody's answer lets this process ask around in its own network."""
    await lost(fails_over, f"http://{host}:{sink.port}/latest/meta-data", "not public", allow_private_results=False)


async def test_row_39_a_result_url_that_redirects(fails_over, sink):
    """Only to https on the same host may it lead."""
    async with ScriptedServer(leads_to(f"{sink.origin}/1.png", 302)) as files:
        await lost(fails_over, f"{files.origin}/1.png", "answered 302")

    assert len(files.requests) == 1


async def test_row_39_a_result_url_with_credentials(fails_over, sink):
    """A name before the host is a trick, and no browser's either."""
    await lost(fails_over, f"http://api.apiyi.com@127.0.0.1:{sink.port}/1.png", "not a plain one")


async def test_row_39_a_result_url_in_clear_from_an_https_provider(fails_over, sink, certificates, ca_file):
    """What came by TLS is not fetched without."""
    await lost(fails_over, f"{sink.origin}/1.png", "the provider's is https://", ssl=certificates.good, **ca_file)
