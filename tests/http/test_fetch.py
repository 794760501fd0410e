"""Result URLs: somebody else's word, fetched under rules of their own."""

import asyncio

import pytest

from pixroute.http.body.sinks import Sinks
from pixroute.http.pace import Pace
from pixroute.outcome import Billing, Delivered, FailureKind
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import Certificates, ScriptedServer, Sink, Step, StubResolver

PICTURE = bytes(range(256)) * 400
PNG = blank_png(640, 640)
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
        """The picture is paid for: it goes on in memory."""
        attempt.into = tmp_path / "gone" / "x.png"
        async with ScriptedServer(IMAGE) as files:
            outcome = await fetch(attempt, f"{files.origin}/x")

        assert (outcome.content.path, outcome.content.data()) == (None, PICTURE)

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
    async def test_what_goes_wrong(self, fetch, attempts, tmp_path, step, says):
        """It is told with the URL, and leaves no file."""
        attempt = attempts(tmp_path / "x.png", pace=Pace(fetch=0.2))
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
        moved = Step.reply(302, b"", {"Location": "/final.png?of=http://x"})
        async with ScriptedServer(moved, IMAGE, ssl=certificates.good) as files:
            outcome = await fetch(attempt, f"{files.origin}/x", ca_file=str(tmp_path / "ca.pem"))

        assert isinstance(outcome, Delivered)
        assert [request.path for request in files.requests] == ["/x", "/final.png?of=http://x"]

    async def test_not_two(self, fetch, attempt, certificates, tmp_path):
        """A second redirect is refused."""
        (tmp_path / "ca.pem").write_bytes(certificates.ca_pem)
        async with ScriptedServer(Step.reply(302, b"", {"Location": "/again"}), ssl=certificates.good) as files:
            outcome = await fetch(attempt, url := f"{files.origin}/x", ca_file=str(tmp_path / "ca.pem"))

        assert "redirected twice" in lost(outcome, url)
        assert len(files.requests) == 2

    async def test_a_redirect_elsewhere(self, fetch, attempt, certificates, tmp_path):
        """Object storage lies on another host, which the answer could have named itself; no cookie goes along."""
        (tmp_path / "ca.pem").write_bytes(certificates.ca_pem)
        async with ScriptedServer(IMAGE, ssl=certificates.good) as storage:
            moved = {"Location": f"{storage.origin}/a%2Fb?sig=%7e", "Set-Cookie": "session=1"}
            async with ScriptedServer(Step.reply(302, b"", moved)) as files:
                outcome = await fetch(attempt, f"{files.origin}/x", ca_file=str(tmp_path / "ca.pem"))

        assert isinstance(outcome, Delivered)
        (request,) = storage.requests
        assert (request.path, request.headers["Cookie"]) == ("/a%2Fb?sig=%7e", None)

    async def test_a_redirect_into_this_network(self, fetch, attempt):
        """The provider's own origin is trusted; what it redirects to is not."""
        async with Sink() as sink:
            moved = Step.reply(302, b"", {"Location": sink.origin.replace("http:", "https:")})
            async with ScriptedServer(moved) as files:
                outcome = await fetch(attempt, url := f"{files.origin}/x", files.origin, allow_private_results=False)

        assert "allow_private_results" in lost(outcome, url)
        assert sink.connections == 0

    @pytest.mark.parametrize("location", ["http://[::1", "https://a..b/", "https://h:99999/", "https://u:p@h/"])
    async def test_a_redirect_that_cannot_be_read(self, fetch, attempt, location):
        """It is told as what it is, and the URL is kept."""
        async with ScriptedServer(Step.reply(302, b"", {"Location": location})) as files:
            outcome = await fetch(attempt, url := f"{files.origin}/x")

        assert "answered 302, a redirect to what is no URL" in lost(outcome, url)

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


HALF = len(PNG) // 2
CUT = {"Content-Length": str(len(PNG)), "Content-Type": "image/png"}
SOON = Pace(fetch=5, fetch_pause=0.01)


class TestAskingAgain:
    """A GET costs nothing, and another picture does."""

    @pytest.mark.parametrize(
        "first",
        [
            *(Step.reply(status) for status in (404, 408, 425, 429, 500, 502, 503, 504, 599)),
            Step.fin(),
            Step.rst(),
            Step.reply(200, PNG[:HALF], CUT) + Step.fin(),
            Step.reply(200, PNG[:HALF]),
        ],
        ids=["404", "408", "425", "429", "500", "502", "503", "504", "599", "closed", "reset", "cut", "half a file"],
    )
    async def test_what_passes(self, fetch, attempts, first):
        """The file lies there a moment later, and no second picture is bought."""
        async with ScriptedServer(first, Step.reply(200, PNG)) as files:
            outcome = await fetch(attempts(pace=SOON), f"{files.origin}/x.png")

        assert outcome.content.data() == PNG

    async def test_a_name_that_does_not_resolve_at_first(self, fetch, attempts):
        """The next answer of the name system has it."""

        class Late(StubResolver):
            async def resolve(self, *args, **options):
                found = await super().resolve(*args, **options)
                if len(self.asked) == 1:
                    raise OSError(-3, "Temporary failure in name resolution")
                return found

        resolver = Late({"files.example": ["127.0.0.1"]})
        async with ScriptedServer(Step.reply(200, PNG)) as files:
            url = files.origin.replace("127.0.0.1", "files.example")
            outcome = await fetch(attempts(pace=SOON, resolver=resolver), f"{url}/x.png")

        assert outcome.content.data() == PNG

    @pytest.mark.parametrize("status", [400, 401, 403, 410, 451])
    async def test_what_does_not(self, fetch, attempts, status):
        """A URL that has run out stays so."""
        async with ScriptedServer(Step.reply(status)) as files:
            outcome = await fetch(attempts(pace=SOON), url := f"{files.origin}/x.png")

        assert f"answered {status}" in lost(outcome, url)
        assert len(files.requests) == 1

    async def test_a_wish_is_heard(self, fetch, attempts):
        """Who asks to be left alone for longer than there is time is not asked again."""
        async with ScriptedServer(Step.reply(503, b"", {"Retry-After": "90"})) as files:
            outcome = await fetch(attempts(pace=SOON), url := f"{files.origin}/x.png")

        assert "answered 503" in lost(outcome, url)
        assert len(files.requests) == 1

    async def test_half_a_picture_is_continued(self, fetch, attempts, tmp_path):
        """Under a strong ETag the rest is asked for, and only that comes."""
        rest = Step.reply(206, PNG[HALF:], {"Content-Range": f"bytes {HALF}-{len(PNG) - 1}/{len(PNG)}", "ETag": '"1"'})
        half = Step.reply(200, PNG[:HALF], {**CUT, "ETag": '"1"'}) + Step.fin()
        async with ScriptedServer(half, rest) as files:
            outcome = await fetch(attempts(tmp_path / "x", pace=SOON), f"{files.origin}/x.png")

        assert outcome.content.data() == PNG
        outcome.content.discard()
        assert [(r.headers["Range"], r.headers["If-Range"]) for r in files.requests] == [
            (None, None),
            (f"bytes={HALF}-", '"1"'),
        ]

    @pytest.mark.parametrize("etag", ['W/"1"', "1", ""])
    async def test_half_a_picture_of_which_nothing_is_sure(self, fetch, attempts, etag):
        """Without a strong ETag it is begun anew."""
        half = Step.reply(200, PNG[:HALF], {**CUT, "ETag": etag}) + Step.fin()
        async with ScriptedServer(half, Step.reply(200, PNG)) as files:
            outcome = await fetch(attempts(pace=SOON), f"{files.origin}/x.png")

        assert outcome.content.data() == PNG
        assert [request.headers["Range"] for request in files.requests] == [None, None]

    @pytest.mark.parametrize(
        "second",
        [
            Step.reply(200, PNG, {"ETag": '"2"'}),
            Step.reply(206, PNG[HALF:], {"Content-Range": f"bytes {HALF}-{len(PNG) - 1}/{len(PNG)}", "ETag": '"2"'}),
            Step.reply(206, PNG[9:], {"Content-Range": f"bytes 9-{len(PNG) - 1}/{len(PNG)}"}),
            Step.reply(416),
        ],
        ids=["another file", "a piece of another file", "another piece", "no such piece"],
    )
    async def test_a_picture_that_has_changed_meanwhile(self, fetch, attempts, second):
        """No half of one is joined to half of another."""
        half = Step.reply(200, b"\x89PNG" * (HALF // 4), {**CUT, "ETag": '"1"'}) + Step.fin()
        async with ScriptedServer(half, second, Step.reply(200, PNG)) as files:
            outcome = await fetch(attempts(pace=SOON), f"{files.origin}/x.png")

        assert outcome.content.data() == PNG

    @pytest.mark.parametrize("headers", [{}, {"Content-Range": f"bytes 0-{len(PNG) - 1}/{len(PNG)}"}])
    async def test_206_with_all_of_it(self, fetch, attempt, headers):
        """The whole picture is a picture."""
        async with ScriptedServer(Step.reply(206, PNG, headers)) as files:
            outcome = await fetch(attempt, f"{files.origin}/x.png")

        assert outcome.content.data() == PNG


class TestUrls:
    """Used as they were given, byte for byte."""

    @pytest.mark.parametrize(
        "url",
        [
            "http://[", "http://[::1", "https://a..b/", f"https://{'a' * 64}.example/", "https://h:99999/x",
            "https://h/a\nb", "https://h\\@evil/", "https:///x.png", "https://\ud83d/x", "https://h/\ud83d",
        ],
    )  # fmt: skip
    async def test_unreadable(self, fetch, attempt, url):
        """It is a bad image, billed, and kept; never a bug of the plugin."""
        outcome = await fetch(attempt, f" {url}\n")

        assert "not a plain one" in lost(outcome, url)

    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            ("/a%2fb/%7E?sig=a+b%20c%3D&x=;$'", "/a%2fb/%7E?sig=a+b%20c%3D&x=;$'"),
            ("/a b/é.png?q=ü", "/a%20b/%C3%A9.png?q=%C3%BC"),
            ("/a/../b/./c", "/a/../b/./c"),
            ("?only=query", "/?only=query"),
        ],
    )
    async def test_as_given(self, fetch, attempt, given, sent):
        """A signature holds for these bytes and no others; only what cannot be sent is encoded."""
        async with ScriptedServer(IMAGE) as files:
            await fetch(attempt, f"  {files.origin.replace('http', 'HTTP')}{given}\n")

        assert files.requests[0].path == sent

    @pytest.mark.parametrize(
        ("given", "sent"),
        [("/images/x.png", "/images/x.png"), ("x.png", "/v1/x.png"), ("//HOST/a%7e.png", "/a%7e.png")],
    )
    async def test_relative(self, fetch, attempt, given, sent):
        """They are of the provider's own origin, which is trusted on a private network as it is with the key."""
        async with ScriptedServer(IMAGE) as files:
            url = given.replace("//HOST", files.origin.removeprefix("http:"))
            outcome = await fetch(
                attempt, url, files.origin, base_url=f"{files.origin}/v1", allow_private_results=False
            )

        assert isinstance(outcome, Delivered)
        assert (files.requests[0].path, files.requests[0].headers["Authorization"]) == (sent, None)

    async def test_a_refused_address_names_the_setting(self, fetch, attempt):
        """Whoever reads the sentence knows what to change."""
        outcome = await fetch(attempt, url := "http://10.0.0.1/x.png", allow_private_results=False)

        assert "allow_private_results = true" in lost(outcome, url)
