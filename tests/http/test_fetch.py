"""Result URLs: somebody else's word, fetched under rules of their own."""

import asyncio

import pytest

from pixroute.http.body.sinks import Sinks
from pixroute.http.pace import Pace
from pixroute.outcome import Billing, Delivered, FailureKind
from pixroute.testing.faults import Certificates, ScriptedServer, Sink, Step, StubResolver

PICTURE = bytes(range(256)) * 400
IMAGE = Step.reply(200, PICTURE, {"Content-Type": "image/png"})


@pytest.fixture
def fetch(place):
    """Fetch a URL for a provider at an origin."""

    async def fetch(attempt, url, origin="http://127.0.0.1:1", **settings):
        at = type("At", (), {"origin": origin})
        with Sinks(attempt.into) as sinks:
            return await attempt.http.fetch(
                url, endpoint=place(at, **({"allow_private_results": True} | settings)), attempt=attempt, sinks=sinks
            )

    return fetch


def lost(outcome, url):
    """Check what every failure to fetch has in common, and give its sentence."""
    assert (outcome.kind, outcome.billing) == (FailureKind.BAD_IMAGE, Billing.BILLED)
    assert (outcome.url, outcome.answered) == (url, True)
    return outcome.message


class TestFetching:
    """What comes."""

    async def test_a_picture(self, fetch, attempt):
        """Bytes and declared type come back; the attempt has the URL, and its stages stand."""
        async with ScriptedServer(IMAGE) as files:
            outcome = await fetch(attempt, f"{files.origin}/x.png")

        assert (outcome.content.data(), outcome.declared_type) == (PICTURE, "image/png")
        assert attempt.facts == {"url": f"{files.origin}/x.png"}
        assert attempt.stages == []
        assert files.requests[0].headers["Authorization"] is None

    async def test_into_a_file(self, fetch, attempt, tmp_path):
        """It is streamed beside the target."""
        attempt.into = tmp_path / "x.png"
        async with ScriptedServer(IMAGE) as files:
            outcome = await fetch(attempt, f"{files.origin}/x.png")

        assert outcome.content.path.read_bytes() == PICTURE
        assert list(tmp_path.iterdir()) == [outcome.content.path]

    async def test_a_file_that_cannot_be_written(self, fetch, attempt, tmp_path):
        """It is told as what it is, not as the network's fault."""
        attempt.into = tmp_path / "gone" / "x.png"
        async with ScriptedServer(IMAGE) as files:
            outcome = await fetch(attempt, url := f"{files.origin}/x")

        assert "could not be written" in lost(outcome, url)

    @pytest.mark.parametrize(
        ("step", "says"),
        [
            (Step.reply(404), "answered 404"),
            (Step.reply(302, b"", {"Location": "http://127.0.0.1:9/"}), "answered 302"),
            (Step.reply(200, PICTURE, {"Content-Length": "999999"}) + Step.fin(), "in the middle of the answer"),
            (Step.rst(), "was reset"),
            (Step.raw(b"\x15\x03\x01"), "not HTTP"),
        ],
        ids=["expired", "to http", "cut", "reset", "not HTTP"],
    )
    async def test_what_goes_wrong(self, fetch, attempt, tmp_path, step, says):
        """It is told with the URL, and leaves no file."""
        attempt.into = tmp_path / "x.png"
        async with ScriptedServer(step + Step.fin()) as files:
            outcome = await fetch(attempt, url := f"{files.origin}/x.png?sig=s3cr3t")

        message = lost(outcome, url)
        assert says in message
        assert "s3cr3t" not in message
        assert list(tmp_path.iterdir()) == []

    async def test_it_has_a_time_of_its_own(self, fetch, attempts):
        """However it drags on, it ends."""
        attempt = attempts(pace=Pace(fetch=0.1))
        async with ScriptedServer(Step.hang()) as files:
            outcome = await fetch(attempt, url := f"{files.origin}/x")

        assert "No answer came" in lost(outcome, url)

    @pytest.mark.slow  # 49 MB come over a socket
    async def test_it_has_a_size(self, fetch, attempt):
        """More than a picture may have is not read."""
        async with ScriptedServer(Step.reply(200, b"x" * 49 * 1024**2)) as files:
            outcome = await fetch(attempt, url := f"{files.origin}/x")

        assert "larger than any picture" in lost(outcome, url)


class TestWhereItMayLead:
    """Schemes, addresses, redirects."""

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("http://files.example/x", "http:// and the provider's is https://"),
            ("file:///etc/passwd", "not a plain one"),
            ("ftp://files.example/x", "ftp://"),
            ("https://user:word@files.example/x", "not a plain one"),
        ],
    )
    async def test_schemes(self, fetch, attempt, url, says):
        """Only https, unless the provider's own origin is http."""
        outcome = await fetch(attempt, url, origin="https://api.example")

        assert says in lost(outcome, url)

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "[::1]",
            "10.0.0.1",
            "169.254.169.254",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::a00:1]",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "x.example",
        ],
    )
    async def test_private_addresses(self, fetch, attempts, host):
        """Neither literals in any spelling nor names lead into this network, and nothing connects there."""
        attempt = attempts(resolver=StubResolver({"x.example": ["10.0.0.1", "127.0.0.1"]}))
        url = f"http://{host}:9/latest/meta-data"

        outcome = await fetch(attempt, url, allow_private_results=False)

        assert "not public" in lost(outcome, url)

    async def test_the_sink_stays_empty(self, fetch, attempt):
        """Not a byte reaches a private address."""
        async with Sink() as sink:
            await fetch(attempt, f"{sink.origin}/x", allow_private_results=False)

        assert sink.connections == 0

    @pytest.fixture
    def certificates(self):
        """Give certificates for this machine."""
        return Certificates()

    async def test_one_redirect_to_the_same_host(self, fetch, attempt, certificates, tmp_path):
        """It is followed once, over https."""
        (tmp_path / "ca.pem").write_bytes(certificates.ca_pem)
        moved = Step.reply(302, b"", {"Location": "/final.png"})
        async with ScriptedServer(moved, IMAGE, ssl=certificates.good) as files:
            outcome = await fetch(attempt, f"{files.origin}/x", ca_file=str(tmp_path / "ca.pem"))

        assert isinstance(outcome, Delivered)
        assert [request.path for request in files.requests] == ["/x", "/final.png"]

    async def test_not_two(self, fetch, attempt, certificates, tmp_path):
        """A second redirect is refused."""
        (tmp_path / "ca.pem").write_bytes(certificates.ca_pem)
        async with ScriptedServer(Step.reply(302, b"", {"Location": "/again"}), ssl=certificates.good) as files:
            outcome = await fetch(attempt, url := f"{files.origin}/x", ca_file=str(tmp_path / "ca.pem"))

        assert "redirected twice" in lost(outcome, url)
        assert len(files.requests) == 2

    async def test_not_elsewhere(self, fetch, attempt):
        """Another host is not followed."""
        async with (
            Sink() as sink,
            ScriptedServer(
                Step.reply(302, b"", {"Location": sink.origin.replace("http://127.0.0.1", "https://localhost")})
            ) as files,
        ):
            outcome = await fetch(attempt, url := f"{files.origin}/x")

        assert "answered 302" in lost(outcome, url)
        assert sink.connections == 0

    async def test_a_cancellation_passes(self, fetch, attempt, tmp_path):
        """A lost attempt's fetch ends with it, and leaves no file."""
        attempt.into = tmp_path / "x.png"
        async with ScriptedServer(Step.reply(200, PICTURE, {"Content-Length": "9999999"}) + Step.hang()) as files:
            task = asyncio.create_task(fetch(attempt, f"{files.origin}/x"))
            while not list(tmp_path.iterdir()):  # noqa: ASYNC110 - a file tells nobody that it is there
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        assert list(tmp_path.iterdir()) == []
