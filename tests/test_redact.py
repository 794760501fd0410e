"""Keys in other people's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixroute.redact import quote, redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bad key sk-abcDEF_123-xyz.", "bad key ***."),
        ("Incorrect API key provided: sk-pro***********wxyz", "Incorrect API key provided: ***"),
        ("AIzaSyA-1234567 leaked", "*** leaked"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("bearer  tok3n,", "bearer  ***,"),
        ("GET /v1beta?key=abc&alt=sse", "GET /v1beta?key=***&alt=sse"),
        ('{"api_key": "abc", "n": 1}', '{"api_key": "***", "n": 1}'),
        ("x-goog-api-key: abc", "x-goog-api-key: ***"),
        ("X-Tos-Signature=abc&X-Tos-Expires=1", "X-Tos-Signature=***&X-Tos-Expires=1"),
        ("http://me:pass@proxy:3128/", "http://me:***@proxy:3128/"),
        ("https://api.example:443/v1", "https://api.example:443/v1"),
        ("API key not valid. Please pass a valid API key.", "API key not valid. Please pass a valid API key."),
        ("the task-force and risk-free monkey", "the task-force and risk-free monkey"),
    ],
)
def test_redact(text, shown):
    """Whatever looks like a key becomes `***`; ordinary words stay."""
    assert redact(text) == shown


def test_quote_is_one_short_printable_line():
    """Line ends and control characters become spaces, and the rest is cut."""
    assert quote(" a\r\nb\x1b[31m\u2028c\ud800 ") == "a b [31m c"
    assert quote("word " * 100, 12) == "word word w…"


@given(st.text(), st.integers(1, 300))
def test_any_text_can_be_quoted(text, limit):
    """Nothing raises, and nothing unprintable gets through."""
    quoted = quote(text, limit)

    assert len(quoted) <= limit
    assert quoted.isprintable()
