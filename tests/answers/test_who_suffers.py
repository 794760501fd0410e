"""One request's fault acts on nobody else; a page of somebody in between is nobody's judgement of a request."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixroute import FailureKind, ImageRequest, Policy, Router
from pixroute.errors import InvalidRequest, RequestFailed
from pixroute.http.call import Reply
from pixroute.http.judging.asked import RequestWords
from pixroute.http.judging.envelope import failure_from
from pixroute.http.judging.pictureless import pictureless
from pixroute.outcome import Blame, Evidence, HealthSignal, Stage
from pixroute.request import Reference
from pixroute.routing.settle import settle
from pixroute.testing import FakeProvider

K = FailureKind


def openai(message, code=None, param=None, type_="invalid_request_error"):
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


def judged(status, body, request=None, text="", **headers):
    asked = RequestWords.of(request or ImageRequest("A lighthouse at dusk"), "first")
    reply = Reply(status=status, headers=headers, json=body, text=text)
    return failure_from(reply, stage=Stage.BODY, asked=asked)


def settled(failure):
    return settle(failure, age=1, p99=60, cut_short=False, stage=Stage.BODY)


def asking(**extra):
    return ImageRequest("A lighthouse at dusk", extra={"first": extra})


ABOUT_EXTRA = [
    (400, openai("Transparent background is not supported for this model.")),
    (400, openai("Transparent background is not supported for this model.", "invalid_value", "background")),
    (404, openai("The model `x` does not exist", "model_not_found")),
    (403, openai("You do not have access to 'background'.", "access_denied")),
    (403, openai("Your plan does not include this.", None, "background")),
    (402, openai("Upgrade for this background.", None, "background")),
    (401, openai("Not allowed", None, "background")),
    (429, openai("Too many", None, "background")),
    (409, openai("Conflict", None, None)),
    (404, openai("Requested entity was not found.")),
]


@pytest.mark.parametrize(("status", "body"), ABOUT_EXTRA)
def test_a_requests_own_field_closes_nothing_for_others(status, body):
    """No opening, no hold, no evidence: whatever is said of what one request had in `extra`."""
    told = settled(judged(status, body, asking(background="transparent", model="x")))

    assert (told.opens, told.hold, told.hint, told.upstream) == (None, None, None, HealthSignal.NEUTRAL)


_VALUES = st.one_of(st.text(min_size=1, max_size=12), st.integers(), st.booleans())
_CODES = st.sampled_from(
    [
        None,
        "",
        "invalid_value",
        "model_not_found",
        "access_denied",
        "unsupported_model",
        "unknown_parameter",
        "invalid_api_key",
    ]
)


@pytest.mark.slow  # three hundred answers
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.from_regex(r"[a-z_]{2,12}", fullmatch=True), _VALUES, min_size=1, max_size=3),
    st.integers(400, 499),
    _CODES,
    st.sampled_from(
        ["Unknown parameter: '{}'.", "`{}` is not supported by this model", 'no access to "{}" {value}', "{value}"]
    ),
    st.booleans(),
    st.data(),
)
def test_no_field_of_one_request_acts_on_another(extra, status, code, words, named, data):
    """Arbitrary `extra`, an arbitrary 4xx about it: 0 openings, 0 holds, no evidence."""
    field = data.draw(st.sampled_from(sorted(extra)))
    message = words.format(field, value=extra[field])
    about = openai(message, code, field if named or "{}" not in words else None)

    told = settled(judged(status, about, asking(**extra)))

    assert (told.opens, told.hold, told.hint) == (None, None, None)
    assert told.upstream is HealthSignal.NEUTRAL


_SAID = [
    "model",
    "account",
    "key",
    "quota",
    "content",
    "policy",
    "not",
    "found",
    "invalid",
    "exceeded",
    "blocked",
    "no",
    "access",
    "unsupported",
    "unavailable",
    "for",
    "does",
    "exist",
    "disabled",
    "insufficient",
    "balance",
    "余额不足",
    "无权",
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(_SAID), max_size=10),
    st.sampled_from([*range(400, 430), 451]),
    st.sampled_from(["'{}'", '"{}"', "`{}`"]),
    st.integers(0, 10),
)
def test_no_words_about_a_field_act_on_another(said, status, quotes, where):
    """Whatever a 4xx says beside a field that one request had: 0 openings, 0 holds, no evidence."""
    words = [*said[:where], quotes.format("background"), *said[where:]]

    told = settled(judged(status, openai(" ".join(words)), asking(background="transparent")))

    assert (told.opens, told.hold, told.hint) == (None, None, None)
    assert told.upstream is HealthSignal.NEUTRAL


_HOSTILE = ["<", "<!--", "<html ", "1s ", "请 ", "prompt ", "A_", "image is ", "upstream ", "data: {\n", "[", "1", "a "]


@pytest.mark.parametrize("said", _HOSTILE)
@pytest.mark.parametrize("status", [200, 400, 503])
def test_no_text_makes_the_judging_slow(said, status):
    """64 KiB of anything are judged within half a second, as a page or in an envelope; some took 27 s."""
    text = said * (65_536 // len(said))
    began = time.process_time()
    for body, page in (({"error": {"message": text}}, ""), (None, text)):
        reply = Reply(status=status, headers={}, json=body, text=page)
        pictureless(reply, who="first", why="no picture") if status == 200 else judged(status, body, text=page)

    assert time.process_time() - began < 0.5


def test_words_alone_count_but_do_not_act():
    """What only words say opens nothing by one answer; it is evidence for the ordinary breaker."""
    words = judged(403, openai("Your organization must be verified to use this."))
    machine = judged(404, openai("The model does not exist", "model_not_found"))

    assert (words.kind, words.evidence) == (K.FORBIDDEN, Evidence.WORDS)
    assert (settled(words).opens, settled(words).upstream) == (None, HealthSignal.HARD)
    assert settled(machine).opens is not None


@pytest.mark.parametrize("status", [401, 402])
def test_status_401_and_402_hold_an_account(status):
    """They say themselves what they are."""
    assert settled(judged(status, openai("No."))).hold is not None


def test_a_key_refused_in_words_holds_nothing():
    """A 403 with words alone might be anybody's."""
    failure = judged(403, openai("Invalid API key"))

    assert (failure.kind, settled(failure).hold, settled(failure).upstream) == (K.AUTH, None, HealthSignal.HARD)


def test_references_may_be_what_is_wrong():
    """Words under 4xx about a request with references touch nobody else."""
    request = ImageRequest("A lighthouse", references=(Reference(data=b"\x89PNG\r\n\x1a\n" + b"x" * 40),))

    assert judged(400, openai("this model is not supported here"), request).evidence is Evidence.REQUEST


@pytest.mark.parametrize(
    "prompt",
    [
        "insufficient quota, invalid api key, content policy: a poster about billing",
        "The model does not exist, rate limit exceeded, overloaded",
    ],
)
def test_what_the_request_said_is_not_the_upstreams_word(prompt):
    """An answer that repeats the prompt is judged by the rest."""
    failure = judged(400, openai(f"Invalid size for prompt: {prompt}"), ImageRequest(prompt))

    assert failure.kind is K.INVALID


PAGES = [
    (403, "<html><head><title>Just a moment...</title></head></html>", {"server": "cloudflare"}, K.FORBIDDEN),
    (404, "<html><title>404 Not Found</title><hr><center>nginx</center></html>", {}, K.MODEL_GONE),
    (405, "<html><title>405 Not Allowed</title></html>", {}, K.MODEL_GONE),
    (407, "", {}, K.FORBIDDEN),
    (413, "<html><title>413</title><hr><center>nginx</center></html>", {}, K.INVALID),
    (451, "<html>Unavailable For Legal Reasons</html>", {}, K.FORBIDDEN),
    (400, "", {}, K.PROTOCOL),
    (403, "", {}, K.FORBIDDEN),
    (404, "404 page not found", {}, K.MODEL_GONE),
]


@pytest.mark.parametrize(("status", "text", "headers", "kind"), PAGES)
def test_a_page_says_nothing_of_request_or_upstream(status, text, headers, kind):
    """Free, no hold, no opening, neutral for the upstream; hard for the origin unless the size was at fault."""
    failure = judged(status, None, text=text, **headers)
    told = settled(failure)

    assert (failure.kind, failure.blame, failure.billing.value) == (kind, Blame.HOP, "free")
    assert (told.opens, told.hold, told.upstream) == (None, None, HealthSignal.NEUTRAL)
    assert told.origin is (HealthSignal.NEUTRAL if status == 413 else HealthSignal.HARD)
    assert "on the way" in failure.message


@pytest.mark.parametrize(
    "body", [{"detail": "Not Found"}, openai("Invalid URL (POST /v1/v1/images/generations)", "", "")]
)
def test_a_wrong_base_url_is_told_as_such(body):
    """A path that is not there is the route's fault, not the request's."""
    failure = judged(404, body)

    assert (failure.kind, failure.blame) == (K.MODEL_GONE, Blame.HOP)
    assert "base_url" in failure.advice


async def test_after_a_page_the_next_provider_is_asked(mouth, provider_of):
    """Two providers of one type can do the same, and yet the second is asked: nobody judged the request."""
    mouth.learn({"status": 403, "headers": {"Content-Type": "text/html"}, "body": "<html>Blocked</html>"})
    providers = {"first": provider_of("openai-images", mouth.origin), "second": FakeProvider()}
    async with Router(providers=providers, chains={"default": ["first", "second"]}) as router:
        result = await router.generate("A lighthouse at dusk")

    assert [attempt.provider for attempt in result.record.attempts] == ["first", "second"]


@pytest.mark.parametrize("count", [1, 2])
async def test_every_provider_is_said_only_when_it_is_true(mouth, provider_of, count):
    """Of a chain of two whose second was passed over, the first alone is named."""
    mouth.learn({"status": 400, "headers": {}, "body": json.dumps(openai("no", "invalid_value", "size"))})
    names = ["first", "second"][:count]
    providers = {name: provider_of("openai-images", mouth.origin, name) for name in names}
    async with Router(providers=providers, chains={"default": names}, policy=Policy()) as router:
        with pytest.raises(InvalidRequest) as told:
            await router.generate("A lighthouse at dusk", size="1024x1024")

    assert str(told.value).startswith("Every provider asked" if count == 1 else "first, of 2 in the chain,")


async def test_a_bad_request_of_one_leaves_the_others_unharmed(mouth, provider_of):
    """After twenty wrong `extra`s the provider is asked by the next caller as if nothing had been."""
    mouth.learn(
        {"status": 400, "headers": {}, "body": json.dumps(openai("background is not supported for this model"))}
    )
    async with Router(
        providers={"first": provider_of("openai-images", mouth.origin)}, chains={"default": ["first"]}
    ) as router:
        for _ in range(20):
            with pytest.raises(RequestFailed):
                await router.generate("A lighthouse", extra={"first": {"background": "transparent"}}, size="1024x1024")
        with pytest.raises(RequestFailed) as told:
            await router.generate("Another lighthouse", size="1024x1024")

    assert len(told.value.record.attempts) == 1
