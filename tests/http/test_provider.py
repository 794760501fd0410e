"""A provider over HTTP: what a plugin says, and what is made of it."""

import asyncio
import base64
import logging
from contextlib import AsyncExitStack
from decimal import Decimal

import pytest
from attrs import evolve, frozen

from pixroute.http import Auth, Call, Details, HttpProvider, HttpSettings, Part, Picture, Reply
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage, Success
from pixroute.provider import Capabilities, Price
from pixroute.request import ImageRequest, Reference
from pixroute.secret import Secret
from pixroute.testing.faults import ScriptedServer, Sink, Step

KEY = "correct-horse-battery-staple"
REQUEST = ImageRequest("a lighthouse at dusk")
SHORT = b"a picture"
LONG = bytes(range(256)) * 64


def text(data):
    return base64.b64encode(data).decode()


@frozen(kw_only=True)
class AcmeSettings(HttpSettings):
    """Settings of the example."""

    base_url: str = "https://api.acme.example/v1"
    model: str = "acme-1"


class Acme(HttpProvider[AcmeSettings]):
    """The example of the documentation."""

    def capabilities(self) -> Capabilities:
        """Tell what it can do."""
        return Capabilities(resolutions={"1K", "2K"}, max_images=1, references=0)

    def encode(self, request: ImageRequest) -> Call:
        """Write the call."""
        return Call.post("images", json={"model": self.settings.model, "prompt": request.prompt})

    def decode(self, reply: Reply) -> list[Picture]:
        """Find the picture."""
        return [reply.json["picture"]]


class Many(Acme):
    """Finds whatever the answer lists, and refusals among it."""

    def decode(self, reply: Reply):
        """Find pictures and refusals."""
        return [
            Failure(kind=FailureKind.MODERATED, message=one["no"]) if isinstance(one, dict) else one
            for one in reply.json["data"]
        ]


@pytest.fixture
def acme():
    """Make a provider that speaks to a server on this machine."""

    def make(server, kind=Acme, **settings):
        given = {"base_url": f"{server.origin}/v1", "api_key": Secret(KEY), "plaintext": "accept"}
        return kind("acme", AcmeSettings(**(given | settings)))

    return make


@pytest.fixture
def generate(attempt, acme):
    """Generate by a provider whose server answers by one step; give the outcome and what the server was sent."""

    async def generate(step, kind=Acme, request=REQUEST, on=attempt, **settings):
        async with ScriptedServer(step) as server:
            outcome = await acme(server, kind, **settings).generate(request, on)
        return outcome, server.requests

    return generate


class TestPictures:
    """Bytes, base64 or a URL: the library sorts it out."""

    @pytest.mark.parametrize("data", [SHORT, LONG], ids=["short", "long"])
    @pytest.mark.parametrize(
        ("prefix", "declared"), [("", None), ("data:image/png;base64,", "image/png"), ("data:;base64,", None)]
    )
    async def test_base64_and_data_uris(self, generate, data, prefix, declared):
        """Long text was decoded while it came, short text is decoded now; a data URI declares its type."""
        outcome, _ = await generate(Step.json({"picture": prefix + text(data)}))

        (picture,) = outcome.pictures
        assert (picture.content.data(), picture.content.size) == (data, len(data))
        assert picture.declared_type == declared
        with picture.content.open() as source:
            assert source.read() == data
        assert picture.content.data() == data

    async def test_bytes(self, generate):
        """A plugin may have decoded by itself."""

        class Raw(Acme):
            def decode(self, reply):
                return [SHORT]

        outcome, _ = await generate(Step.json({}), Raw)

        assert outcome.pictures[0].content.data() == SHORT

    async def test_a_url_is_fetched_without_the_key(self, acme, attempt):
        """The picture comes, and its host learns nothing."""
        async with AsyncExitStack() as servers:
            files = await servers.enter_async_context(
                ScriptedServer(Step.reply(200, LONG, {"Content-Type": "image/png"}))
            )
            answer = Step.json({"picture": f"{files.origin}/x.png?sig=1"})
            server = await servers.enter_async_context(ScriptedServer(answer))
            outcome = await acme(server, allow_private_results=True).generate(REQUEST, attempt)

        (picture,) = outcome.pictures
        assert (picture.content.data(), picture.declared_type) == (LONG, "image/png")
        assert files.requests[0].path == "/x.png?sig=1"
        assert KEY not in str(files.requests[0].headers)

    async def test_some_of_several(self, generate):
        """A refused item stands beside the good ones."""
        outcome, _ = await generate(Step.json({"data": [text(SHORT), {"no": "sensitive"}, "!!!", text(LONG)]}), Many)

        assert [picture.content.data() for picture in outcome.pictures] == [SHORT, LONG]
        assert [failure.kind for failure in outcome.failures] == [FailureKind.MODERATED, FailureKind.BAD_IMAGE]

    async def test_details_stand_beside_them(self, generate):
        """Model, usage and rewritten prompts are kept where the answer gives them."""

        class Telling(Many):
            def details(self, reply):
                return Details(model="acme-1b", usage={"tokens": 7}, revised_prompts=("A tower",))

        outcome, _ = await generate(
            Step.json({"data": [text(SHORT), text(SHORT)]}, headers={"X-Request-Id": "up-1"}), Telling
        )

        assert (outcome.model, outcome.usage, outcome.provider_request_id) == ("acme-1b", {"tokens": 7}, "up-1")
        assert [picture.revised_prompt for picture in outcome.pictures] == ["A tower", None]

    async def test_unreadable_details_lose_no_picture(self, generate, caplog):
        """What was paid for is not thrown away for what stands beside it."""

        class Careless(Acme):
            def details(self, reply):
                return Details(model=reply.json["model"]["name"])

        outcome, _ = await generate(Step.json({"picture": text(SHORT), "model": None}), Careless)

        assert outcome.pictures[0].content.data() == SHORT
        assert "details" in caplog.text


class TestFiles:
    """`into=`: pictures go beside the target, and nothing is left there but what was delivered."""

    @pytest.mark.parametrize("data", [SHORT, LONG], ids=["short", "long"])
    async def test_a_picture_in_a_file(self, generate, attempt, tmp_path, data):
        """It lies beside the target under a name of its own, until it is moved there."""
        attempt.into = target = tmp_path / "lighthouse.png"

        outcome, _ = await generate(Step.json({"picture": text(data)}))

        content = outcome.pictures[0].content
        assert (content.path.parent, content.path.read_bytes()) == (tmp_path, data)
        assert not target.exists()
        content.move(target)
        assert (list(tmp_path.iterdir()), content.data(), content.path) == ([target], data, target)

    async def test_discarding_deletes_it(self, generate, attempt, tmp_path):
        """A picture that is not wanted leaves nothing behind."""
        attempt.into = tmp_path / "x.png"
        outcome, _ = await generate(Step.json({"picture": text(LONG)}))

        outcome.pictures[0].content.discard()

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        "step",
        [
            pytest.param(Step.json({"draft": text(LONG), "picture": "!!"}), id="bad"),
            pytest.param(Step.json({"draft": text(LONG)}), id="empty"),
            pytest.param(Step.json({"error": {"message": "no"}, "draft": text(LONG)}, status=500), id="refused"),
            pytest.param(
                Step.chunked([b'{"picture": "' + text(LONG).encode()], terminate=False) + Step.fin(), id="cut"
            ),
        ],
    )
    async def test_a_failure_leaves_nothing(self, generate, attempt, tmp_path, step):
        """Half a picture, a draft, a picture beside an error: all are deleted."""
        attempt.into = tmp_path / "x.png"

        outcome, _ = await generate(step)

        assert isinstance(outcome, Failure)
        assert list(tmp_path.iterdir()) == []

    async def test_a_cancellation_leaves_nothing(self, acme, attempt, tmp_path):
        """A lost attempt's file is deleted with it."""
        attempt.into = tmp_path / "x.png"
        half = Step.chunked([b'{"picture": "' + text(LONG).encode()], terminate=False) + Step.hang()
        async with ScriptedServer(half) as server:
            task = asyncio.create_task(acme(server).generate(REQUEST, attempt))
            while not list(tmp_path.iterdir()):  # noqa: ASYNC110 - a file tells nobody that it is there
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        assert list(tmp_path.iterdir()) == []


class TestFailures:
    """What is no picture."""

    async def test_a_request_that_cannot_be_expressed_is_not_sent(self, generate):
        """A ValueError of `encode` is INVALID and free."""

        class Picky(Acme):
            def encode(self, request):
                raise ValueError("it draws no lighthouses")

        outcome, requests = await generate(Step.json({}), Picky)

        assert (outcome.kind, outcome.billing, outcome.stage) == (FailureKind.INVALID, Billing.FREE, Stage.QUEUED)
        assert "it draws no lighthouses" in outcome.message
        assert requests == []

    @pytest.mark.parametrize(
        "document", [{}, {"picture": None}, {"picture": ""}, {"picture": 7}, [], {"picture": {"b64": "x"}}]
    )
    async def test_an_answer_of_another_shape_is_empty(self, generate, document):
        """What `decode` cannot find is EMPTY, and billed."""
        outcome, _ = await generate(Step.json(document))

        assert (outcome.kind, outcome.billing, outcome.answered) == (FailureKind.EMPTY, Billing.BILLED, True)

    async def test_no_item_is_empty(self, generate):
        """An empty list is no picture."""
        outcome, _ = await generate(Step.json({"data": []}), Many)

        assert outcome.kind is FailureKind.EMPTY

    async def test_a_page_in_place_of_an_answer_is_shown(self, generate):
        """A web page under 200 is nobody's answer of such an API: free, and what it says is quoted."""
        outcome, _ = await generate(Step.reply(200, b"<html>Please log in", {"Content-Type": "text/html"}))

        assert (outcome.kind, outcome.blame, outcome.billing) == (FailureKind.PROTOCOL, Blame.HOP, Billing.FREE)
        assert "Please log in" in outcome.message

    async def test_text_that_is_no_base64(self, generate):
        """Neither base64 nor a URL: BAD_IMAGE, and billed."""
        outcome, _ = await generate(Step.json({"picture": "AAAA==AA"}))

        assert (outcome.kind, outcome.billing) == (FailureKind.BAD_IMAGE, Billing.BILLED)

    async def test_an_error_answer_is_read(self, generate):
        """Kind, code, hint and the provider's own id come from the answer."""
        body = {"error": {"message": "Too many requests", "code": "rate_limit_exceeded"}}
        outcome, _ = await generate(Step.json(body, status=429, headers={"Retry-After": "7", "X-Request-Id": "up-1"}))

        assert (outcome.kind, outcome.billing) == (FailureKind.RATE_LIMITED, Billing.FREE)
        assert (outcome.code, outcome.hint, outcome.status) == ("rate_limit_exceeded", 7.0, 429)
        assert (outcome.answered, outcome.provider_request_id) == (True, "up-1")

    async def test_an_error_inside_a_200(self, generate):
        """The body is trusted over the status."""
        outcome, _ = await generate(Step.json({"error": {"code": 503, "message": "The model is overloaded."}}))

        assert outcome.kind is FailureKind.OVERLOADED

    async def test_a_page_of_a_proxy(self, generate):
        """A 504 of nginx is its own, and what it cut may be billed."""
        page = b"<html><head><title>504 Gateway Time-out</title></head><center>nginx</center></html>"
        outcome, _ = await generate(Step.reply(504, page, {"Server": "nginx"}))

        assert (outcome.kind, outcome.billing) == (FailureKind.PROXY_CUT, Billing.AMBIGUOUS)

    async def test_classify_has_the_first_word(self, generate):
        """A plugin recognises its upstream's refusal inside a 200."""

        class Refusing(Acme):
            def classify(self, reply):
                return Failure(kind=FailureKind.MODERATED, message="Declined.") if reply.json.get("no") else None

        outcome, _ = await generate(Step.json({"no": True}), Refusing)

        assert (outcome.kind, outcome.billing, outcome.answered) == (FailureKind.MODERATED, Billing.FREE, True)

    async def test_a_refusal_is_billed_where_the_provider_says_so(self, generate):
        """`bills_refusals` is about refusals inside a 200."""

        class Charging(Acme):
            def capabilities(self):
                return evolve(super().capabilities(), bills_refusals=True)

            def classify(self, reply):
                return Failure(kind=FailureKind.MODERATED, message="Declined.")

        billed, _ = await generate(Step.json({}), Charging)
        free, _ = await generate(Step.json({}, status=400), Charging)

        assert (billed.billing, free.billing) == (Billing.BILLED, Billing.FREE)

    async def test_a_classify_that_expects_another_shape_hides_nothing(self, generate, caplog):
        """A 503 page is a 503, whatever `classify` makes of it."""

        class Naive(Acme):
            def classify(self, reply):
                return reply.json["error"]

        outcome, _ = await generate(Step.reply(503, b"busy"), Naive)

        assert outcome.kind is FailureKind.OVERLOADED
        assert "classify" in caplog.text

    async def test_a_providers_own_advice_is_given(self, generate):
        """Where it knows better than the table."""

        class Wise(Acme):
            advice = {FailureKind.AUTH: "Ask Acme's sales for a key."}  # noqa: RUF012 - a table, as plugins write it

        outcome, _ = await generate(Step.json({"error": {"message": "who?"}}, status=401), Wise)

        assert outcome.advice == "Ask Acme's sales for a key."

    async def test_the_key_is_in_no_failure_and_no_log(self, generate, caplog):
        """Upstreams repeat keys in their errors; it goes no further."""
        caplog.set_level(logging.DEBUG)
        outcome, _ = await generate(Step.json({"error": {"message": f"Incorrect API key {KEY}, sorry"}}, status=401))

        assert KEY not in repr(outcome)
        assert KEY not in caplog.text
        assert "Incorrect API key ***" in outcome.message


class TestCalls:
    """What is sent."""

    async def test_paths_are_appended_to_the_base_url(self, generate):
        """`/v1` stays."""
        _, requests = await generate(Step.json({"picture": text(SHORT)}))

        assert requests[0].path == "/v1/images"

    async def test_a_key_that_comes_back_as_a_code_or_an_id_is_concealed_there_too(self, generate):
        """A fuzzer's upstream repeated it as its request id, and the record showed it."""
        error = {"message": "no", "code": f"bad_{KEY}"}

        outcome, _ = await generate(Step.json({"error": error, "request_id": f"id-{KEY}"}, status=401))

        assert KEY not in repr(outcome)
        assert outcome.provider_request_id == "id-***"

    async def test_another_way_to_send_the_key(self, generate):
        """`auth` names header and pattern."""

        class Other(Acme):
            auth = Auth("X-Api-Key", "Key {key}")

        _, requests = await generate(Step.json({"picture": text(SHORT)}), Other, headers={"X-Team": "studio"})

        assert requests[0].headers["X-Api-Key"] == f"Key {KEY}"
        assert requests[0].headers["Authorization"] is None
        assert requests[0].headers["X-Team"] == "studio"

    async def test_extra_fields_are_added(self, generate):
        """Those for this provider, object within object."""
        extra = {"acme": {"seed": 7, "prompt": "other"}, "elsewhere": {"x": 1}}
        _, requests = await generate(Step.json({}), request=evolve(REQUEST, extra=extra))

        assert requests[0].body == b'{"model": "acme-1", "prompt": "other", "seed": 7}'

    async def test_extra_fields_of_a_form(self, generate):
        """They become fields of it."""

        class Form(Acme):
            def encode(self, request):
                image = Part(name="image", value=LONG, filename='a"b.png', media_type="image/png")
                return Call.post("edits", form=(image, Part(name="prompt", value=request.prompt)))

        request = evolve(REQUEST, extra={"acme": {"seed": 7}})
        _, requests = await generate(Step.json({}), Form, request=request)

        sent = requests[0]
        boundary = sent.headers.get_param("boundary").encode()
        parts = [part.strip(b"\r\n").partition(b"\r\n\r\n") for part in sent.body.split(b"--" + boundary)[1:-1]]
        assert [(head, value) for head, _, value in parts] == [
            (b'Content-Disposition: form-data; name="image"; filename="a%22b.png"\r\nContent-Type: image/png', LONG),
            (b'Content-Disposition: form-data; name="prompt"', b"a lighthouse at dusk"),
            (b'Content-Disposition: form-data; name="seed"', b"7"),
        ]

    async def test_requests_with_references_are_written_in_a_thread(self, generate):
        """Base64 of megabytes does not hold up the loop."""
        loop = asyncio.get_running_loop()

        class Noting(Acme):
            def encode(self, request):
                with pytest.raises(RuntimeError):
                    asyncio.get_running_loop()
                return super().encode(request)

        outcome, _ = await generate(
            Step.json({"picture": text(SHORT)}), Noting, request=evolve(REQUEST, references=[Reference(data=LONG)])
        )

        assert isinstance(outcome, Success)
        assert loop is asyncio.get_running_loop()

    async def test_a_path_elsewhere_is_not_asked(self, generate):
        """The key goes to its own origin only."""

        class Straying(Acme):
            def encode(self, request):
                return Call.post(f"{sink.origin}/images", json={})

        async with Sink() as sink:
            outcome, _ = await generate(Step.json({}), Straying)

        assert (outcome.kind, sink.connections) == (FailureKind.INVALID, 0)


class TestIdentity:
    """Who shares whose fate."""

    def test_the_same_key_and_model_share_an_upstream(self, acme):
        """Whatever the port: origins differ, account and upstream do not."""
        one = Acme("one", AcmeSettings(api_key=Secret(KEY)))
        two = Acme(
            "two", AcmeSettings(api_key=Secret(KEY), base_url="http://api.acme.example:16888", plaintext="accept")
        )

        assert one.identity.upstream == two.identity.upstream
        assert one.identity.account == two.identity.account == one.credential()
        assert one.identity.origin == "https://api.acme.example:443"
        assert two.identity.origin == "http://api.acme.example:16888"
        assert (one.identity.plaintext, two.identity.plaintext) == (False, True)
        assert KEY not in repr(one.identity)

    def test_another_model_or_api_is_another_upstream(self):
        """So is whatever the settings name."""

        @frozen(kw_only=True)
        class TwoFaced(AcmeSettings):
            api: str = "images"

        settings = TwoFaced(api_key=Secret(KEY))
        variants = [
            settings,
            evolve(settings, api="native"),
            evolve(settings, model="acme-2"),
            evolve(settings, upstream="mine"),
        ]

        upstreams = [Acme("acme", one).identity.upstream for one in variants]

        assert len(set(upstreams)) == 4
        assert upstreams[3] == "mine"

    def test_a_changed_key_is_another_credential(self):
        """A rotated secret ends the hold of the old one."""
        keys = iter(["one", "one", "two"])
        provider = Acme("acme", AcmeSettings(api_key=Secret(lambda: next(keys))))

        assert provider.credential() != provider.credential()

    def test_tables_are_attributes(self):
        """Price, latency and model are what the class and the settings say."""

        class Priced(Acme):
            price = Price(amounts={"1K": Decimal("0.04")})

        provider = Priced("acme", AcmeSettings(api_key=Secret(KEY)))

        assert provider.price.at("1K") == Decimal("0.04")
        assert provider.model == "acme-1"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"base_url": ""}, "give it as https://host/v1"),
        ({"base_url": "ftp://x"}, "give it as https://host/v1"),
        ({"base_url": "https://me:secret@x"}, "user name or password"),
        ({"base_url": "http://x"}, 'plaintext = "accept"'),
        ({"base_url": "http://x", "plaintext": "private", "proxy": "http://p"}, "cannot be kept through a `proxy`"),
        ({"api_key": None}, "`api_key` is missing"),
        ({"api_key": Secret("")}, "`api_key` is missing"),
    ],
)
def test_settings_that_lead_nowhere_are_told_at_once(settings, says):
    """One sentence, with the provider's name, and no credential in it."""
    with pytest.raises(ValueError, match="provider 'acme': ") as caught:
        Acme("acme", AcmeSettings(**({"api_key": Secret(KEY)} | settings)))

    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_provider_without_keys_needs_none():
    """`auth = None`: its account is its place."""

    class Open(Acme):
        auth = None

    provider = Open("acme", AcmeSettings())

    assert (provider.credential(), provider.identity.account) == ("", "https://api.acme.example:443")
