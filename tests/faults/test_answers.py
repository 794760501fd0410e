"""Rows 19-25, 30, 31 and 34-38: an answer came, and it is not the picture that was asked for."""

import asyncio
import base64
import logging

import pytest
from attrs import evolve

from pixroute import FailureKind, Moderated, Policy, Stage
from pixroute.errors import InvalidRequest
from pixroute.health.states import OpenReason
from pixroute.outcome import Billing
from pixroute.policy import BreakerPolicy
from pixroute.testing import FakeProvider
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step
from pixroute_nano_banana.provider import CAPABILITIES

K, FREE, BILLED, AMBIGUOUS = FailureKind, Billing.FREE, Billing.BILLED, Billing.AMBIGUOUS
KEY = "sk-correct-horse-battery-staple"


def error(status, message="it is not to be", code=None, **headers):
    """Answer with an error in the gateway's own JSON; a header's name is written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Step.json({"error": {"message": message, "code": code}}, status=status, headers=named)


def page(status, text):
    return Step.reply(status, f"<html>{text}</html>".encode(), {"Content-Type": "text/html"})


# Pages and errors inside a 200


@pytest.mark.parametrize(
    ("answer", "kind", "billing", "says"),
    [
        (page(502, "<hr><center>nginx/1.22.1</center>"), K.PROXY_CUT, AMBIGUOUS, "nginx"),
        (page(502, "some page"), K.PROXY_CUT, AMBIGUOUS, "An unknown proxy"),
        (error(502, "upstream broke"), K.SERVER_ERROR, FREE, "upstream broke"),
    ],
    ids=["nginx", "unknown", "json"],
)
async def test_row_19_a_502_is_a_proxys_or_the_providers(fails_over, answer, kind, billing, says):
    """A page is a proxy's and may be billed, the provider's own JSON is free."""
    async with ScriptedServer(answer) as server:
        await fails_over(server.origin, kind, Stage.BODY, billing, says=says)

    assert len(server.requests) == (2 if kind is K.SERVER_ERROR else 1)


async def test_row_19_a_page_is_quoted_shortly_and_without_the_key(fails_over):
    """What a page says is cut to a line and redacted."""
    leak = page(500, f"<title>key {KEY} and sk-abcdefghijklmnop1234</title>" + "x" * 100_000)
    async with ScriptedServer(leak) as server:
        told = await fails_over(server.origin, K.SERVER_ERROR, Stage.BODY, FREE)

    assert len(told.first.failure.message) <= 1024
    assert "sk-" not in told.first.failure.message


async def test_row_20_an_overload_inside_a_200(fails_over):
    """The body's own code counts: it is asked once more, and free."""
    async with ScriptedServer(Step.json({"error": {"code": 503, "message": "The model is overloaded"}})) as server:
        told = await fails_over(server.origin, K.OVERLOADED, Stage.BODY, FREE, says="in its body 503")

    assert [attempt.provider for attempt in told.attempts] == ["primary", "primary", "fallback"]
    assert len(server.requests) == 2


EMPTY = {
    "no entry": {"created": 1, "data": []},
    "null for base64": {"data": [{"b64_json": None}]},
    "an empty string": {"data": [{"b64_json": ""}]},
    "data is null": {"data": None},
    "another document": {"images": []},
}


@pytest.mark.parametrize("document", EMPTY.values(), ids=EMPTY)
async def test_row_21_a_200_without_a_picture(fails_over, document):
    """A 200 is billed whatever it lacks, so it is not bought again here."""
    async with ScriptedServer(Step.json(document)) as server:
        await fails_over(server.origin, K.EMPTY, Stage.BODY, BILLED)

    assert len(server.requests) == 1


REFUSALS = {
    "IMAGE_SAFETY": {"candidates": [{"content": {}, "finishReason": "IMAGE_SAFETY"}]},
    "blockReason": {"candidates": None, "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}},
}


@pytest.mark.parametrize("document", REFUSALS.values(), ids=REFUSALS)
async def test_row_22_a_refusal_inside_a_200_stops(wired, document):
    """Nobody else is asked to draw what one declined, and the provider is no sicker for it."""
    fallback = FakeProvider()
    async with (
        ScriptedServer(Step.json(document)) as server,
        wired(server.origin, fallback=fallback, settings={"api": "native"}) as wire,
    ):
        for number in range(6):
            told = await wire.ask(f"picture {number}")
        state = wire.state()

    assert isinstance(told.error, Moderated)
    assert (told.first.kind, told.first.billing) == (K.MODERATED, BILLED)
    assert fallback.calls == []
    assert state == ("closed", None)


# Pictures that are none


def said(text):
    return Step.json({"data": [{"b64_json": text}]})


GOOD = base64.b64encode(blank_png(1024, 1024)).decode()
BROKEN = {
    "a letter that is none": said(GOOD[: len(GOOD) // 2] + "!" + GOOD[len(GOOD) // 2 + 1 :]),
    "short and no base64": said("never base64"),
}
EXTRA = {"a letter that is none": said(GOOD + "!"), "a symbol too many": said(GOOD + "A")}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_row_23_base64_that_is_wrong(wired, answer):
    """A picture of which something is missing is none, and paid."""
    async with ScriptedServer(answer) as server, wired(server.origin) as wire:
        told = await wire.ask()

    assert (told.first.kind, told.first.billing) == (K.BAD_IMAGE, BILLED)
    assert told.result.provider == "fallback"
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", EXTRA.values(), ids=EXTRA)
async def test_row_23_base64_with_something_behind_it(wired, answer):
    """What comes after a whole picture takes nothing from it."""
    async with ScriptedServer(answer) as server, wired(server.origin) as wire:
        told = await wire.ask()

    assert told.result.provider == "primary"


@pytest.mark.parametrize(
    "data",
    [b"<html>" + b"not the picture you are looking for " * 200, blank_png(1024, 1024)[:-12]],
    ids=["a page", "a PNG without its end"],
)
async def test_row_24_bytes_that_are_no_picture(fails_over, delivers, data):
    """Header and end marker are looked at before anybody gets the picture."""
    async with ScriptedServer(delivers(data)) as server:
        await fails_over(server.origin, K.BAD_IMAGE, Stage.VALIDATE, BILLED, says="no valid picture")


async def test_row_25_a_picture_nearly_as_large_is_accepted_and_told(wired, delivers):
    """Within the provider's tolerance the picture is taken, and the difference stands in the adjustments."""
    async with ScriptedServer(delivers(blank_png(1000, 1000))) as server, wired(server.origin) as wire:
        told = await wire.ask(size="1024x1024")

    assert told.result.provider == "primary"
    assert [(one.asked, one.delivered) for one in told.result.adjustments] == [("1024x1024", "1000x1000")]


async def test_row_25_1k_for_4k_is_refused_and_not_bought_again(wired, delivers):
    """An undersized picture closes that upstream for an hour at once, with advice, and is not lost."""
    settings = {"api": "images"}
    async with (
        ScriptedServer(delivers(blank_png(1024, 1024))) as server,
        wired(server.origin, settings=settings) as wire,
    ):
        told = await wire.ask(size="4K")
        again = await wire.ask("another", size="4K")
        state = wire.state()

    assert (told.first.kind, told.first.stage, told.first.billing) == (K.UNDERSIZED, Stage.VALIDATE, BILLED)
    assert "native" in told.first.failure.advice
    assert told.result.provider == "fallback"
    assert [attempt.provider for attempt in again.attempts] == ["fallback"]
    assert state == ("open", OpenReason.UNDERSIZED)
    assert len(server.requests) == 1


# Overloads and limits

NEVER_OVERDUE = BreakerPolicy(max_overdue=1000)
"""The fallback delivers within milliseconds, so that on a busy machine fifty at once would soon look hung."""


async def test_row_30_a_503_without_a_hint_is_asked_once_more(wired):
    """One quick retry, then the fallback; evidence is counted by requests, so the fifth opens the breaker."""
    async with ScriptedServer(error(503)) as server, wired(server.origin) as wire:
        told = await wire.ask("picture 1")
        for number in range(2, 5):
            await wire.ask(f"picture {number}")
        before = wire.state()
        await wire.ask("picture 5")
        after = wire.state()

    assert [attempt.provider for attempt in told.attempts] == ["primary", "primary", "fallback"]
    assert (told.first.kind, told.first.billing) == (K.OVERLOADED, FREE)
    assert (before, after) == (("closed", None), ("open", OpenReason.STREAK))


async def test_row_31_a_503_with_a_hint_falls_back_now(wired):
    """A hint is the breaker's to wait for: nobody is asked twice, and the next request goes past it."""
    async with ScriptedServer(error(503, Retry_After="120")) as server, wired(server.origin) as wire:
        told = await wire.ask()
        again = await wire.ask("another")
        state = wire.state()

    assert [attempt.provider for attempt in told.attempts] == ["primary", "fallback"]
    assert [attempt.provider for attempt in again.attempts] == ["fallback"]
    assert (told.first.failure.hint, state) == (120.0, ("open", OpenReason.HINT))


@pytest.mark.slow  # a hint lasts a second at least
async def test_row_31_a_lone_provider_is_waited_for_until_its_hint_has_passed(wired, delivers):
    """Nobody else can deliver, so the request waits, and is sent again no sooner than was wished."""
    script = (error(503, Retry_After="1"), delivers(blank_png(1024, 1024)))
    policy = evolve(wired.policy, give_up_after="deadline")  # in this suite's scale a real second is 100
    async with ScriptedServer(*script) as server, wired(server.origin, fallback=None, policy=policy) as wire:
        told = await wire.ask(timeout=5)
        state = wire.state()

    assert told.result.provider == "primary"
    assert told.attempts[1].started - told.first.ended >= 1.0
    assert state == ("closed", None)


async def test_row_34_a_burst_meets_a_429_with_a_hint(wired):
    """One hint closes the door: of fifty at once all were in flight, and nobody is sent after the first 429."""
    step, policy = error(429, Retry_After="60"), Policy(breaker=NEVER_OVERDUE)
    async with ScriptedServer(step) as server, wired(server.origin, policy=policy) as wire:
        await asyncio.gather(*(wire.ask(f"picture {number}") for number in range(50)))
        sent = len(server.requests)
        again = await asyncio.gather(*(wire.ask(f"another {number}") for number in range(50)))
        state = wire.state()

    assert (sent, len(server.requests)) == (50, 50)
    assert {attempt.provider for told in again for attempt in told.attempts} == {"fallback"}
    assert state == ("open", OpenReason.HINT)


@pytest.mark.slow  # as long as it fails, it waits until there is hardly time left
async def test_row_34_who_waits_for_a_slot_falls_back_when_the_breaker_opens(wired):
    """The first hint is everybody's: those who waited for a slot do not go on waiting."""
    slots = {"max_in_flight": 5}
    async with ScriptedServer(error(429, Retry_After="60")) as server, wired(server.origin, settings=slots) as wire:
        told = await asyncio.gather(*(wire.ask(f"picture {number}", timeout=2) for number in range(50)))

    assert len(server.requests) == 5
    assert {one.result.provider for one in told} == {"fallback"}
    assert max(one.result.record.seconds for one in told) < 1


async def test_row_34_a_longer_hint_extends_and_a_shorter_one_does_not(wired):
    """Of all hints the latest end counts."""
    script = [error(429, Retry_After=seconds) for seconds in ("60", "300", "30")]
    async with ScriptedServer(*script) as server, wired(server.origin) as wire:
        await asyncio.gather(*(wire.ask(f"picture {number}") for number in range(3)))
        now = asyncio.get_running_loop().time()
        until = next(entry.until for entry in wire.router.health() if entry.scope == "upstream")

    assert len(server.requests) == 3
    assert until - now == pytest.approx(300, abs=1)


async def test_row_34_429s_without_a_hint_open_by_rate(wired):
    """One 429 more or less is no sickness; half of six requests is."""
    async with ScriptedServer(error(429)) as server, wired(server.origin) as wire:
        states = []
        for number in range(6):
            told = await wire.ask(f"picture {number}")
            states.append(wire.state())

    assert (told.first.kind, told.first.billing) == (K.RATE_LIMITED, FREE)
    assert states == [("closed", None)] * 5 + [("open", OpenReason.RATE)]


# Keys, money, content


async def test_row_35_a_401_holds_the_account(wired, caplog):
    """A key that is not known is not tried again, and said once."""
    async with ScriptedServer(error(401, "Incorrect API key")) as server, wired(server.origin) as wire:
        with caplog.at_level(logging.WARNING, "pixroute"):
            told = await wire.ask()
            again = await wire.ask("another")
        hold = wire.state("account")

    assert (told.first.kind, told.first.billing) == (K.AUTH, FREE)
    assert [attempt.provider for attempt in again.attempts] == ["fallback"]
    assert hold == ("held", None)
    assert len(server.requests) == 1
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("words", "code", "kind", "state"),
    [
        ("This key has no access to the model", "model_access_denied", K.FORBIDDEN, ("open", OpenReason.FORBIDDEN)),
        ("user quota is not enough: preConsumedQuota", "insufficient_user_quota", K.QUOTA, ("closed", None)),
    ],
    ids=["model", "money"],
)
async def test_row_35_a_403_is_what_its_body_says(wired, words, code, kind, state):
    """The model forbidden closes the upstream, the money gone holds the account."""
    async with ScriptedServer(error(403, words, code)) as server, wired(server.origin) as wire:
        told = await wire.ask()
        again = await wire.ask("another")
        found = wire.state()

    assert (told.first.kind, told.first.billing) == (kind, FREE)
    assert [attempt.provider for attempt in again.attempts] == ["fallback"]
    assert found == state
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("words", "code", "kind", "raised"),
    [
        ("size is wrong", "invalid_value", K.INVALID, InvalidRequest),
        ("Your request was rejected by the safety system", "content_policy_violation", K.MODERATED, Moderated),
    ],
    ids=["wrong", "declined"],
)
async def test_row_36_a_400_is_returned_at_once(wired, words, code, kind, raised):
    """Our request is wrong or declined: nobody like this provider is asked, and it is no sicker for it."""
    async with ScriptedServer(error(400, words, code)) as server:
        twin = FakeProvider(capabilities=CAPABILITIES)
        async with wired(server.origin, fallback=twin) as wire:
            for number in range(6):
                told = await wire.ask(f"picture {number}")
            state = wire.state()

    assert isinstance(told.error, raised)
    assert (told.first.kind, told.first.billing) == (kind, FREE)
    assert twin.calls == []
    assert state == ("closed", None)


@pytest.mark.parametrize(("status", "code"), [(402, None), (429, "insufficient_quota")], ids=["402", "429"])
async def test_row_37_no_money_holds_the_account(wired, status, code):
    """Only other accounts are asked, for an hour."""
    async with ScriptedServer(error(status, "no money", code)) as server, wired(server.origin) as wire:
        told = await wire.ask()
        again = await wire.ask("another")
        hold = wire.state("account")

    assert (told.first.kind, told.first.billing) == (K.QUOTA, FREE)
    assert [attempt.provider for attempt in again.attempts] == ["fallback"]
    assert hold == ("held", None)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "who"),
    [
        (Step.reply(524, b"error code: 524", {"Server": "cloudflare"}), "Cloudflare"),
        (page(504, "<hr><center>nginx</center>"), "nginx"),
    ],
    ids=["524", "504"],
)
async def test_row_38_a_proxy_that_gave_up_is_not_asked_again(fails_over, answer, who):
    """The picture may still be made: it is not asked for a second time there."""
    async with ScriptedServer(answer) as server:
        told = await fails_over(server.origin, K.PROXY_CUT, Stage.BODY, AMBIGUOUS, says=who)

    assert "more time on our side changes nothing" in told.first.failure.advice
    assert len(server.requests) == 1
