"""When a provider wishes to be asked again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixroute.http.judging.envelope import ErrorBody
from pixroute.http.judging.hints import LONGEST, RESTART, Hint, read_hint

DATE = "Sun, 22 Nov 2026 10:00:00 GMT"
NOW = 1795341600.0  # the same in Unix time


def error(text="overloaded", *, status=503, delay=None):
    """Give an error answer with what may hold a wish."""
    return ErrorBody(status=status, text=text, retry_delay=delay)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "250.5"}, 0.2505),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": " 31.4 "}, 31.4),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after": "Sun, 22 Nov 2026 10:02:00 GMT", "date": DATE}, 120.0),
        ({"retry-after": "Sunday, 22-Nov-26 10:02:00 GMT", "date": DATE}, 120.0),
        ({"retry-after": "Sun Nov 22 10:02:00 2026", "date": DATE}, 120.0),
        ({"retry-after": "2", "retry-after-ms": "1"}, 0.001),
        ({"x-should-retry": "false"}, None),
        ({}, None),
    ],
)
def test_headers(headers, seconds):
    """Milliseconds come before seconds, a date is read against the answer's own."""
    assert read_hint(headers, now=NOW + 3600) == Hint(seconds)


def test_a_date_without_date_is_read_against_our_clock():
    """A server that tells no time is trusted to share ours."""
    assert read_hint({"retry-after": "Sun, 22 Nov 2026 10:02:00 GMT"}, now=NOW) == Hint(120.0)


def test_a_date_without_any_clock_is_ignored():
    """Nothing is guessed."""
    hint = read_hint({"retry-after": DATE})

    assert hint == Hint(None, f"retry-after {DATE!r} is unreadable")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please retry in 31.4s.", 31.4),
        ("Rate limit reached. Please try again in 20s. Visit …", 20.0),
        ("Please try again in 6m0s", 360.0),
        ("RETRY IN 2m3s", 123.0),
        ("please retry in 1h2m", 3720.0),
        ("please retry in 250ms", 0.25),
        ("Retry after 30 seconds", 30.0),
        ("try again in 2 minutes 5 seconds.", 125.0),
        ("try again in 500 milliseconds", 0.5),
        ("Please try again later.", None),
        ("Please retry in a few seconds", None),
        ("retry in 5 months", None),
    ],
)
def test_text(text, seconds):
    """A phrase with a duration counts; one without is no wish at all."""
    assert read_hint({}, error(text)) == Hint(seconds)


@pytest.mark.parametrize(
    ("delay", "seconds"), [("31s", 31.0), ("31.412s", 31.412), ("0s", 0.0), ("0.000000001s", 1e-9)]
)
def test_retry_info(delay, seconds):
    """Google's is a protobuf duration."""
    assert read_hint({}, error(delay=delay)) == Hint(seconds)


def test_sources_in_order():
    """Headers come before RetryInfo, RetryInfo before the text."""
    said = error("Please retry in 3s", delay="2s")

    assert read_hint({"retry-after": "1"}, said).seconds == 1.0
    assert read_hint({}, said).seconds == 2.0


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("-5", "is in the past"),
        ("Sun, 22 Nov 2026 09:59:00 GMT", "is in the past"),
        ("86401", "is more than a day"),
        ("9" * 400, "is more than a day"),
        ("Tue, 22 Nov 2033 09:59:00 GMT", "is more than a day"),
        ("", "is unreadable"),
        ("NaN", "is unreadable"),
        ("inf", "is unreadable"),
        ("1e3", "is unreadable"),
        ("1_000", "is unreadable"),
        ("٣", "is unreadable"),
        ("soon", "is unreadable"),
        ("5, 10", "is unreadable"),
        ("5, 5", "is unreadable"),
        ("Sun, 99 Nov 2026 10:00:00 GMT", "is unreadable"),
    ],
)
def test_malformed_is_ignored_by_name(value, fault):
    """What makes no sense is named, and the next source counts."""
    hint = read_hint({"retry-after": value, "date": DATE}, error("retry in 3s"))

    assert hint == Hint(3.0, f"retry-after {value[:60]!r} {fault}")


def test_all_that_was_ignored_is_named():
    """Several mistakes in one answer are all told."""
    hint = read_hint({"retry-after-ms": "x", "retry-after": "-1"}, error("retry in -4s", delay="31"))

    assert hint == Hint(
        None,
        "retry-after-ms 'x' is unreadable; retry-after '-1' is in the past; retryDelay '31' is unreadable; "
        "text 'retry in -4s' is in the past",
    )


def test_a_502_without_a_word_is_a_restart():
    """A gateway's container comes back in half a minute; its own wish would count first."""
    silent = error("", status=502)

    assert read_hint({}, silent) == Hint(RESTART)
    assert read_hint({"retry-after": "5"}, silent) == Hint(5.0)
    assert read_hint({}, error("", status=503)) == Hint()


@pytest.mark.slow  # a hundred examples
@given(
    st.dictionaries(st.sampled_from(["retry-after-ms", "retry-after", "date"]), st.text() | st.dates().map(str)),
    st.text(),
    st.none() | st.text(),
    st.none() | st.floats(allow_nan=False),
)
def test_any_text_gives_a_sane_hint(headers, text, delay, now):
    """No header and no phrase raises, and what comes out is 0 to a day."""
    hint = read_hint(headers, error(text, delay=delay), now=now)

    assert hint.seconds is None or 0 <= hint.seconds <= LONGEST


@given(
    st.from_regex(
        r"(Sun, )?\d{1,3}[ -](Nov|Feb|XXX)[ -]\d{1,6} \d{1,3}:\d\d(:\d\d)? ?(GMT|[+-]\d{1,6}|)", fullmatch=True
    )
)
def test_any_near_date_gives_a_sane_hint(value):
    """Dates that are nearly right do not raise either."""
    hint = read_hint({"retry-after": value, "date": DATE})

    assert hint.seconds is None or 0 <= hint.seconds <= LONGEST
