"""Failures without an answer, explained."""

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixroute.http.judging.diagnosis import Observation, diagnose, suspect
from pixroute.http.judging.observation import spell
from pixroute.latency import Quantiles
from pixroute.outcome import FailureKind, Stage

K = FailureKind
USUAL = Quantiles(120, 170, 250)


def seen(stage=Stage.WAIT, elapsed=42.0, **more):
    """Give an observation."""
    return Observation(stage=stage, elapsed=elapsed, **more)


@pytest.mark.parametrize(
    ("kind", "observation", "message", "advice"),
    [
        # nothing was sent
        (K.CONNECT, seen(Stage.CONNECT, errno=-2), "could not be resolved", "DNS"),
        (K.CONNECT, seen(Stage.CONNECT, errno=errno.ECONNREFUSED), "Nobody listens", "port of `base_url`"),
        (K.CONNECT, seen(Stage.CONNECT, errno=errno.ENETUNREACH), "no route", "network"),
        (K.CONNECT, seen(Stage.CONNECT, errno=errno.EMFILE), "file descriptor", "ulimit -n"),
        (K.CONNECT, seen(Stage.CONNECT, 10.0), "within 10 s", "connect_timeout"),
        (K.CONNECT, seen(Stage.CONNECT, 10.0), "within 10 s", "nothing was sent, nothing is billed"),
        (K.CONNECT, seen(Stage.CONNECT, detail="the proxy answered 407"), "(the proxy answered 407)", "proxy"),
        (K.DISCONNECTED, seen(Stage.CONNECT, errno=errno.ECONNRESET), "reset while it was made", "nothing was sent"),
        (K.TIMEOUT, seen(Stage.CONNECT), "while it was connecting", "nothing was sent"),
        (K.TIMEOUT, seen(Stage.QUEUED), "while it waited for its turn", "nothing was sent"),
        # TLS
        (K.TLS, seen(Stage.CONNECT, detail="[SSL: WRONG_VERSION_NUMBER]"), "does not speak TLS", "plaintext"),
        (K.TLS, seen(Stage.CONNECT, detail="certificate has expired"), "has expired", "clock"),
        (K.TLS, seen(Stage.CONNECT, detail="Hostname mismatch, certificate"), "another host", "base_url"),
        (K.TLS, seen(Stage.CONNECT, detail="self-signed certificate in chain"), "known authority", "ca_file"),
        (K.TLS, seen(Stage.CONNECT, detail="self signed certificate"), "known authority", "ca_file"),
        (K.TLS, seen(Stage.CONNECT, detail="unable to get local issuer certificate"), "known authority", "ca_file"),
        (K.TLS, seen(Stage.CONNECT, 10.0), "within 10 s", "scheme"),
        # cut while silent
        (K.DISCONNECTED, seen(elapsed=60.2), "probably by nginx, an AWS load balancer", "idle time-out"),
        (K.DISCONNECTED, seen(elapsed=101.0), "probably by Cloudflare", "route without it"),
        (K.DISCONNECTED, seen(elapsed=241.0), "Azure", "billed"),
        (K.DISCONNECTED, seen(elapsed=352.0), "NAT gateway", "billed"),
        (K.DISCONNECTED, seen(elapsed=75.0), "reset after 75 s without a byte", "may still be made, and billed"),
        (K.DISCONNECTED, seen(elapsed=75.0, clean_end=True), "closed after 75 s", "broke off"),
        (K.DISCONNECTED, seen(elapsed=0.1), "after 0.1 s", "restarting"),
        (K.DISCONNECTED, seen(elapsed=0.1, plaintext=True), "after 0.1 s", "scheme and port"),
        (K.DISCONNECTED, seen(errno=errno.ETIMEDOUT), "died silently", "NAT"),
        # cut on the way
        (K.DISCONNECTED, seen(Stage.SEND, large_upload=True), "still being sent", "smaller reference pictures"),
        (K.DISCONNECTED, seen(Stage.SEND), "still being sent", "restarting"),
        (K.DISCONNECTED, seen(Stage.BODY, received=5, announced=100), "after 5 of 100 bytes", "downloading"),
        (K.DISCONNECTED, seen(Stage.BODY, received=1234567), "after 1,234,567 bytes", "downloading"),
        (K.DISCONNECTED, seen(Stage.BODY, idle=60.0, received=5), "60 s of silence", "between two reads"),
        # too late
        (K.TIMEOUT, seen(elapsed=600.0, expected=USUAL), "though 99 % come within 250 s", "more time would not help"),
        (K.TIMEOUT, seen(elapsed=100.0, expected=USUAL), "one in twenty takes more than 170 s", "at least 375 s"),
        (K.TIMEOUT, seen(elapsed=200.0, expected=USUAL), "within the 200 s given", "`attempt_timeout`"),
        (K.TIMEOUT, seen(elapsed=20.0, by_deadline=True), "the caller's deadline left", "the caller's `timeout`"),
        (K.TIMEOUT, seen(Stage.SEND, idle=30.0), "nothing moved for 30 s", "MTU"),
        (K.TIMEOUT, seen(Stage.SEND, idle=30.0, large_upload=True), "nothing moved for 30 s", "smaller"),
        (K.TIMEOUT, seen(Stage.SEND, 60.0, time_out=60.0), "while the request was being sent", "more time"),
        (K.TIMEOUT, seen(Stage.BODY, idle=30.0), "not a byte of it came", "buffering"),
        (K.TIMEOUT, seen(Stage.BODY, received=4096), "froze after 4,096 bytes", "MTU"),
        (K.TIMEOUT, seen(Stage.BODY, received=10**6), "too slowly or stopped", "bandwidth"),
        (K.TIMEOUT, seen(Stage.BODY, 300.0, time_out=300.0), "while the answer was coming in", "`attempt_timeout`"),
        # the rest
        (K.PROTOCOL, seen(elapsed=0.1, plaintext=True), "not HTTP", "https://"),
        (K.PROTOCOL, seen(detail="status 307"), "(status 307)", "login page"),
        (K.CANCELLED, seen(Stage.QUEUED), "given up", "nothing is billed"),
        (K.CANCELLED, seen(Stage.WAIT), "while it waited for the answer", "may still be made"),
        (K.CANCELLED, seen(Stage.WAIT, 300.0, expected=USUAL), "99 % come within 250 s", "hangs"),
        (K.EMPTY, seen(Stage.DONE), "no picture", "`model`"),
        (K.BAD_IMAGE, seen(Stage.VALIDATE, detail="the PNG is cut"), "(the PNG is cut)", "billed"),
        (K.UNDERSIZED, seen(Stage.VALIDATE), "fewer pixels", "`api`"),
        (K.UNKNOWN, seen(detail="KeyError: 'x'"), "(KeyError: 'x')", "report"),
    ],
)
def test_diagnoses(kind, observation, message, advice):
    """Each situation of the matrix has its sentence and its advice."""
    diagnosis = diagnose(kind, observation)

    assert message in diagnosis.message
    assert advice in diagnosis.advice


@pytest.mark.parametrize("number", [30, 60, 100, 120, 240, 300, 350])
def test_round_numbers(number):
    """A cut within 3 % of a known time-out has a suspect; one beside it has none."""
    assert suspect(number * 1.03 - 1e-9)
    assert suspect(number * 0.97 + 1e-9)
    assert suspect(number * 1.05) is None


OBSERVATIONS = st.builds(
    Observation,
    stage=st.sampled_from(Stage),
    elapsed=st.floats(0, 1e4),
    idle=st.none() | st.floats(0, 1e4),
    received=st.integers(0, 10**8),
    announced=st.none() | st.integers(0, 10**8),
    errno=st.none() | st.integers(-5, 130),
    clean_end=st.booleans(),
    time_out=st.none() | st.floats(0, 1e4),
    by_deadline=st.booleans(),
    expected=st.none() | st.just(USUAL),
    plaintext=st.booleans(),
    large_upload=st.booleans(),
    detail=st.text(max_size=20),
)


@pytest.mark.slow  # 147 pairs of kind and stage, each several times
@settings(max_examples=400, deadline=None)
@given(st.sampled_from(K), OBSERVATIONS)
def test_every_combination_is_explained(kind, observation):
    """Whatever is seen, there is one sentence and one advice, each with its full stop, on one line."""
    diagnosis = diagnose(kind, observation)

    for text in (diagnosis.message, diagnosis.advice):
        assert text[0].isupper()
        assert text.endswith(".")
        assert text.isprintable()


@pytest.mark.parametrize("kind", [K.CONNECT, K.TLS])
def test_what_was_not_sent_is_never_called_billed(kind):
    """These kinds are free, and say so."""
    assert "nothing is billed" in diagnose(kind, seen(Stage.CONNECT)).advice


def test_keys_in_foreign_words_are_not_shown():
    """An exception's text may repeat a header."""
    assert "sk-abc" not in diagnose(K.UNKNOWN, seen(detail="Bearer sk-abc")).message


@pytest.mark.parametrize(
    ("seconds", "text"), [(60.04, "60 s"), (2.54, "2.5 s"), (0.028, "0.03 s"), (1234.5, "1234.5 s")]
)
def test_spell(seconds, text):
    """Times are as exact as people read them."""
    assert spell(seconds) == text
