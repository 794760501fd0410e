"""From what an answer names to pictures: as many as were asked, whatever stands beside them."""

import asyncio
import base64
import json

import pytest

from pixroute import AllProvidersFailed, Capabilities, HttpProvider, HttpSettings, ImageRequest, Policy, Router
from pixroute.http import Call
from pixroute.http.pace import Pace
from pixroute.outcome import Billing, FailureKind
from pixroute.secret import Secret
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step

PNG = blank_png(64, 64)
LARGE = blank_png(4096, 4096)
FILES = (Step.reply(200, PNG),)


class Images(HttpProvider[HttpSettings]):
    """A provider that names its pictures in a list."""

    def capabilities(self):
        """Several at once."""
        return Capabilities(max_images=8)

    def encode(self, request):
        """Ask."""
        return Call.post("images", json={"prompt": request.prompt})

    def decode(self, reply):
        """Give what is listed."""
        return reply.json


def images(server):
    """Make one that is this server."""
    settings = HttpSettings(
        base_url=server.origin, plaintext="accept", api_key=Secret("k" * 20), allow_private_results=True
    )
    return Images("images", settings)


@pytest.fixture
def ask_for(attempts):
    """Ask for n pictures of an answer that lists these, and give what came and how often files were asked for."""

    async def ask_for(*items, n=1, files=FILES, into=None, through=None):
        async with ScriptedServer(*files) as storage:
            listed = [item.replace("FILES", storage.origin) for item in items]
            async with ScriptedServer(Step.reply(200, json.dumps(listed).encode())) as server:
                attempt = attempts(into, pace=Pace(fetch=2, fetch_pause=0.01))
                attempt.http.fetch = through(attempt.http.fetch) if through else attempt.http.fetch
                provider = images(server)
                outcome = await provider.generate(ImageRequest("a lighthouse", n=n), attempt)
            return outcome, storage

    return ask_for


def urls(count):
    """Name files."""
    return [f"FILES/{number}.png" for number in range(count)]


async def test_a_thousand_urls_where_one_was_asked(ask_for):
    """One is fetched; the rest is told and costs nothing."""
    outcome, storage = await ask_for(*urls(1000))

    assert (len(outcome.pictures), outcome.surplus) == (1, 999)
    assert [request.path for request in storage.requests] == ["/0.png"]


async def test_pictures_beyond_those_asked_are_not_kept(ask_for, tmp_path):
    """Written out they have come already: their files go."""
    written = base64.b64encode(LARGE).decode()

    outcome, _ = await ask_for(*[written] * 20, n=2, into=tmp_path / "x")

    assert (len(outcome.pictures), outcome.surplus) == (2, 18)
    assert sorted(tmp_path.iterdir()) == sorted(one.content.path for one in outcome.pictures)
    for one in outcome.pictures:
        one.content.discard()


async def test_one_beyond_is_fetched_in_place_of_one_that_failed(ask_for):
    """And no more than that."""
    files = Step.reply(410), Step.reply(200, b"<html>"), Step.reply(200, PNG)

    outcome, storage = await ask_for(*urls(9), files=files)

    assert outcome.pictures[-1].content.data() == PNG
    assert len(storage.requests) == 3


async def test_spares_have_an_end(ask_for):
    """Where none can be had, sixteen beside those asked are tried."""
    outcome, storage = await ask_for(*urls(1000), files=[Step.reply(410)])

    assert outcome.kind is FailureKind.BAD_IMAGE
    assert len(storage.requests) == 17


async def test_four_are_fetched_at_once(ask_for):
    """However many were asked."""
    now, most = 0, []

    def watched(fetch):
        async def fetch_(*args, **options):
            nonlocal now
            now += 1
            most.append(now)
            await asyncio.sleep(0.01)
            try:
                return await fetch(*args, **options)
            finally:
                now -= 1

        return fetch_

    outcome, _ = await ask_for(*urls(8), n=8, through=watched)

    assert len(outcome.pictures) == 8
    assert max(most) == 4


@pytest.mark.parametrize(
    "bad", ["http://[", "https://a..b/", f"https://{'a' * 64}.example/", "https://h:99999/", "", "rubbish"]
)
async def test_a_bad_item_loses_no_good_one(ask_for, bad):
    """Of two asked, one came and one is told, with its URL where it has one."""
    outcome, _ = await ask_for(base64.b64encode(PNG).decode(), bad, n=2)

    (failure,) = outcome.failures
    assert [one.content.data() for one in outcome.pictures] == [PNG]
    assert failure.kind is (FailureKind.BAD_IMAGE if bad else FailureKind.EMPTY)
    assert (failure.billing, failure.url) == (Billing.BILLED, bad if "://" in bad else None)


async def test_an_item_that_raises_loses_no_good_one(ask_for, caplog):
    """Whatever it raises: it is logged, billed, and its URL kept."""

    def broken(_):
        def fetch(*_args, **_options):
            raise LookupError("a bug of ours")

        return fetch

    outcome, _ = await ask_for(base64.b64encode(PNG).decode(), "https://h/x", n=2, through=broken)

    assert [one.content.data() for one in outcome.pictures] == [PNG]
    assert [(failure.kind, failure.url) for failure in outcome.failures] == [(FailureKind.BAD_IMAGE, "https://h/x")]
    assert "could not be taken" in caplog.text


async def test_a_cancelled_attempt_leaves_no_file(attempts, tmp_path):
    """One picture has been taken, the other is being fetched."""
    async with ScriptedServer(Step.hang()) as storage:
        listed = [base64.b64encode(LARGE).decode(), f"{storage.origin}/x.png"]
        async with ScriptedServer(Step.reply(200, json.dumps(listed).encode())) as server:
            attempt = attempts(tmp_path / "x")
            task = asyncio.create_task(images(server).generate(ImageRequest("a", n=2), attempt))
            while not storage.requests:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    assert list(tmp_path.iterdir()) == []


def alone(server, **policy):
    """Route to this server alone."""
    return Router(providers={"images": images(server)}, chains={"default": ["images"]}, policy=Policy(**policy))


async def test_the_attempts_time_does_not_cut_a_picture_that_is_coming():
    """The answer began in time: body and file end it, not T."""
    late = Step.pause(0.1) + Step.reply(200, PNG)
    async with ScriptedServer(late) as storage:
        listed = json.dumps([f"{storage.origin}/x.png"]).encode()
        halves = (
            Step.reply(200, listed[:9], {"Content-Length": str(len(listed))}) + Step.pause(0.1) + Step.raw(listed[9:])
        )
        async with ScriptedServer(halves) as server, alone(server, attempt_timeout=0.05, hedge_after="off") as router:
            result = await router.generate("a lighthouse", timeout=5)

    assert result.image.data == PNG
    assert [attempt.kind for attempt in result.attempts] == [None]


async def test_the_deadline_cuts_a_picture_that_is_coming():
    """And its URL is kept, for it is paid for."""
    async with ScriptedServer(Step.hang()) as storage:
        url = f"{storage.origin}/x.png"
        answer = Step.reply(200, json.dumps([url]).encode())
        async with ScriptedServer(answer) as server, alone(server, attempt_timeout=0.05, hedge_after="off") as router:
            with pytest.raises(AllProvidersFailed) as caught:
                await router.generate("a lighthouse", timeout=0.2)

    (attempt,) = caught.value.record.attempts
    assert (attempt.kind, attempt.failure.url, attempt.facts["url"]) == (FailureKind.TIMEOUT, url, url)
    assert 0.15 < attempt.seconds < 0.45
