"""Secrets in the words of others, in every form."""

import base64
import html
import timeit
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixroute.sanitizer import Sanitizer, secrets_of
from pixroute.secret import Secret
from pixroute.testing.fake import FakeProvider

KEY = "sk-Zx81/first+secret_0123456789abcdef"
SANITIZER = Sanitizer([KEY])


def b64(text):
    return base64.b64encode(text.encode()).decode()


FORMS = {
    "whole": KEY,
    "in capitals": KEY.upper(),
    "partly percent-encoded": quote(KEY, safe=""),
    "wholly percent-encoded": "".join(f"%{byte:02x}" for byte in KEY.encode()),
    "percent-encoded twice": quote(quote(KEY, safe=""), safe=""),
    "base64": b64(KEY),
    "base64 of Bearer": b64(f"Bearer {KEY}"),
    "base64, second alignment": b64(f"x{KEY}y"),
    "base64, third alignment": b64(f"xy{KEY}z"),
    "url-safe base64": base64.urlsafe_b64encode(KEY.encode()).decode(),
    "base64 over lines": base64.encodebytes(f"Authorization: Bearer {KEY} and more of it".encode()).decode(),
    "hex": KEY.encode().hex(),
    "HEX": KEY.encode().hex().upper(),
    "html by number": "".join(f"&#{ord(one)};" for one in KEY),
    "html by hex": "".join(f"&#x{ord(one):X};" for one in KEY),
    "html by name": KEY.replace("/", "&sol;").replace("+", "&plus;").replace("_", "&lowbar;"),
    "json escapes": "".join(f"\\u{ord(one):04x}" for one in KEY),
    "json in json": "".join(f"\\\\u{ord(one):04X}" for one in KEY),
    "escaped slash": KEY.replace("/", "\\/"),
    "over two lines": f"{KEY[:9]}\r\n   {KEY[9:]}",
    "spaced": " ".join(KEY),
    "zero width": "\u200b".join(KEY),
    "word breaks": f"{KEY[:5]}<wbr>{KEY[5:]}",
    "an escaped line end": f"{KEY[:5]}\\n{KEY[5:]}",
    "all but its prefix": KEY[3:],
    "half of it": KEY[:18],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_comes_back(form):
    """In whatever form, nothing of it stays, and what stood around it does."""
    shown = SANITIZER.conceal(f"bad key {FORMS[form]} . Mend it")

    assert shown.split() == ["bad", "key", "***", ".", "Mend", "it"]


@pytest.mark.parametrize(
    "said", ["sk-Zx81/***", "sk-Zx81********cdef", html.escape("a <b> & c"), "100%25 \\u0041", "***"]
)
def test_what_is_no_key_stays(said):
    """A mask, an entity, an escape are words like others."""
    assert SANITIZER.conceal(said) == said


def test_a_short_key_is_looked_for_whole_and_exact_only():
    """Below eight characters every other word would hold it."""
    short = Sanitizer(["k1"])

    assert short.conceal("bad key k1, K1 or ok1: k1") == "bad key ***, K1 or ok1: ***"


def test_a_document_loses_it_everywhere():
    """Names and values at any depth; numbers and pictures stay, and so does a document without it."""
    picture = object()
    document = {KEY: [{"a": f"x {KEY}", "n": 3, "p": picture}, (KEY, True)], "b": None}
    clean = {"usage": {"tokens": 3}}

    assert SANITIZER.clean(document) == {"***": [{"a": "x ***", "n": 3, "p": picture}, ("***", True)], "b": None}
    assert SANITIZER.clean(clean) is clean


def test_a_form_that_cannot_be_cut_out_takes_the_text_with_it():
    """What is found and not understood is not shown at all."""
    odd = "".join(f"%25{ord(one):02x}" if number % 2 else f"&#{ord(one)};" for number, one in enumerate(KEY))
    odd = odd.replace("%25", "&#37;25&#x32;5".replace("&#x32;5", ""))

    assert KEY not in SANITIZER.conceal(odd)
    assert not SANITIZER.holds(SANITIZER.conceal(odd))


@given(st.text(), st.text(), st.sampled_from(sorted(FORMS)))
def test_nothing_found_is_left(before, after, form):
    """Whatever stands around it, a text that was concealed holds no key."""
    assert not SANITIZER.holds(SANITIZER.conceal(before + FORMS[form] + after))


@given(st.text(min_size=8, alphabet=st.characters(min_codepoint=33, max_codepoint=126)), st.text())
def test_any_key_can_be_looked_for(key, text):
    """Nothing raises, whatever the key is made of."""
    assert not Sanitizer([key]).holds(Sanitizer([key]).conceal(f"{text} {key}"))


def test_settings_tell_their_secrets():
    """Fields, headers with and without a scheme, the proxy's password; what is no secret by its name is none."""
    from pixroute.http.call import HttpSettings  # noqa: PLC0415 - this module looks at HTTP here only

    settings = HttpSettings(
        api_key=Secret("the-key"),
        headers={"X-Team": "team-secret", "Authorization": f"Basic {b64('me:my-password')}", "Accept": "image/png"},
        proxy="http://user:p%40ss@proxy:3128",
    )

    told = {secret.reveal() for secret in secrets_of(settings)}

    assert told == {
        "the-key",
        "team-secret",
        f"Basic {b64('me:my-password')}",
        b64("me:my-password"),
        "my-password",
    } | {
        "p%40ss",
        "p@ss",
    }
    assert list(secrets_of(FakeProvider().settings)) == []


@pytest.mark.slow  # measures: the best of many rounds on a busy machine
def test_a_good_answer_costs_next_to_nothing():
    """Ten microseconds for a small answer with its headers; measured 7 to 8."""
    told = {
        "headers": {"content-type": "application/json", "x-request-id": "req_5b1e7f0a93c84d26", "server": "nginx"},
        "json": {
            "created": 1_700_000_000,
            "data": [{"b64_json": object(), "revised_prompt": "A lighthouse at dusk, " * 8}],
            "usage": {"input_tokens": 10, "output_tokens": 4160},
        },
    }

    assert min(timeit.repeat(lambda: SANITIZER.clean(told), number=200, repeat=30)) / 200 < 20e-6
