"""The forms a body comes in: JSON, events, a picture itself; split anywhere, the same comes out."""

import base64
import json
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixroute.http.body.blob import Blob, reserve_memory
from pixroute.http.body.incoming import Incoming, small_document
from pixroute.http.body.limits import BodyError

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
BASE64 = base64.b64encode(PICTURE)
DOCUMENT = b'{"data":[{"b64_json":"%b"}]}' % BASE64
PLAIN = {"data": [{"b64_json": PICTURE}]}


def taken(body, *, sizes=(), media_type="application/json", ok=True):
    """Feed the body in pieces; the document and the picture that came of it, and the text."""
    incoming = Incoming(picture_expected=ok, open_sink=reserve_memory, media_type=media_type)
    for size in sizes:
        incoming.feed(body[:size])
        body = body[size:]
    incoming.feed(body)
    incoming.finish()
    picture = incoming.picture()
    return plain(incoming.document()), picture and picture.data(), incoming.half_json


def plain(value):
    if isinstance(value, Blob):
        return value.data()
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


FORMS = {
    "JSON": (DOCUMENT, PLAIN, None),
    "JSON after comments": (b": keep-alive\n\n: keep-alive\n\n" + DOCUMENT, PLAIN, None),
    "one event": (b": ping\n\nevent: done\nid: 1\ndata: " + DOCUMENT + b"\n\ndata: [DONE]\n\n", PLAIN, None),
    "events": (b"data:" + DOCUMENT + b'\r\n\r\ndata: {"usage":{}}\r\n\r\n', [PLAIN, {"usage": {}}], None),
    "an event in lines": (
        b'data: {\ndata: "data": [{"b64_json": "' + BASE64 + b'"}]\ndata: }\n\n',
        PLAIN,
        None,
    ),
    "an event with more on its line": (b"data: " + DOCUMENT + b"; {\n\n", PLAIN, None),
    "an event that is no JSON": (b"event: ping\ndata: ping\n\ndata: " + DOCUMENT + b"\n\n", PLAIN, None),
    "bytes": (PICTURE, None, PICTURE),
    "bytes after white space": (b" \n \n" + PICTURE, None, PICTURE),
    "base64": (BASE64, None, PICTURE),
    "base64 in quotes": (b'"%b"\n' % BASE64, None, PICTURE),
    "a data URI": (b"data:image/png;base64," + BASE64, None, PICTURE),
    "base64 in lines": (base64.encodebytes(PICTURE), None, PICTURE),
    "text": (b"<html>No.</html>" * 5, None, None),
    "nothing": (b" \n", None, None),
}
splits = st.lists(st.integers(1, 60), max_size=30) | st.integers(1, 3).map(lambda size: [size] * 8000)


@pytest.mark.slow  # hundreds of bodies
@settings(deadline=None)
@given(st.sampled_from(sorted(FORMS)), splits, st.sampled_from(["application/json", "image/png", "text/html", ""]))
def test_split_anywhere_and_called_anything_it_is_the_same(form, sizes, media_type):
    """The first bytes say what it is; the declared type is often wrong."""
    body, document, picture = FORMS[form]

    assert taken(body, sizes=sizes, media_type=media_type) == (document, picture, False)


LINES = b'{"status":"processing"}\n' + DOCUMENT + b"\n"
SEQUENCE = b'\x1e{"status":"processing"}\n\x1e' + DOCUMENT + b"\n"
RELATED = (
    b'--b1\r\nContent-Type: application/json\r\n\r\n{"seed": 1}\r\n'
    b"--b1\r\nContent-Type: image/png\r\nContent-Disposition: attachment\r\n\r\n%b\r\n--b1--\r\n" % PICTURE
)
IN_PARTS = b"--b1\nContent-Type: application/json; charset=utf-8\n\n%b\n--b1--\n" % DOCUMENT


@settings(deadline=None)
@given(
    st.sampled_from(
        [
            ("application/x-ndjson", LINES, [{"status": "processing"}, PLAIN], None),
            ("application/jsonl", DOCUMENT, PLAIN, None),
            ("application/json-seq", SEQUENCE, [{"status": "processing"}, PLAIN], None),
            ("multipart/mixed", RELATED, {"seed": 1}, PICTURE),
            ("multipart/related", IN_PARTS, PLAIN, None),
        ]
    ),
    splits,
)
def test_a_document_a_line_and_parts_are_read_as_declared(form, sizes):
    """NDJSON, JSON text sequences and parts look like something else at first: here the declared type counts."""
    media_type, body, document, picture = form

    assert taken(body, sizes=sizes, media_type=media_type) == (document, picture, False)


def test_parts_without_end_are_too_much():
    """Headers that do not end, and parts beyond counting, are given up."""
    incoming = Incoming(picture_expected=True, open_sink=reserve_memory, media_type="multipart/mixed")
    with pytest.raises(BodyError):
        incoming.feed(b"--b\r\n" + b"x: y\r\n" * 4000)
    incoming = Incoming(picture_expected=True, open_sink=reserve_memory, media_type="multipart/mixed")
    with pytest.raises(BodyError):
        incoming.feed(b"--b\r\n\r\n\r\n" * 100)


def test_a_declared_picture_of_another_format_is_taken():
    """What it is instead is told where pictures are judged."""
    assert taken(b"BM" + bytes(100), media_type="image/bmp") == (None, b"BM" + bytes(100), False)


def test_an_error_has_no_picture():
    """Under a status that is no success, only what is said counts."""
    assert taken(PICTURE, ok=False) == (None, None, False)
    assert taken(b'{"error": "no"}', ok=False) == ({"error": "no"}, None, False)


def test_binary_is_never_quoted():
    """Neither a picture nor other bytes."""
    incoming = Incoming(picture_expected=True, open_sink=reserve_memory)
    incoming.feed(PICTURE)

    assert incoming.snippet == ""


@pytest.mark.parametrize("body", [DOCUMENT[:-5], b"data: " + DOCUMENT[:-5]])
def test_half_a_document_is_told(body):
    """It is no answer."""
    assert taken(body)[2]


def test_a_picture_that_came_whole_outlives_its_stream():
    """What breaks off after it loses nothing."""
    incoming = Incoming(picture_expected=True, open_sink=reserve_memory)
    incoming.feed(b"data: " + DOCUMENT + b"\n\ndata: {")

    assert incoming.usable
    assert not incoming.half_json
    assert json.dumps(list(incoming.document())) == '["data"]'


TESTS = Path(__file__).parents[1]
ANSWERS = [
    json.loads(line).get("body") or ""
    for file in sorted((TESTS / "answers").glob("*.jsonl"))
    for line in file.read_text(encoding="utf-8").splitlines()
]
EDGES = [
    b"{}",
    b"[]",
    b'{"a":1}',
    b'{"a":1} and more',
    b'{"a":1}\n\n',
    b'{"a":1,"a":2}',
    b'{"a":NaN,"b":-Infinity,"c":1e999}',
    b'{"a":%b}' % (b"9" * 3980),
    b'{"a":"\\ud800"}',
    b'{"a":"\xff"}',
    b'{"a":"\t"}',
    b'{"a":',
    b"[" * 99 + b"]" * 99,
    b"[" * 101 + b"]" * 101,
    b'{"a":"%b"}' % base64.b64encode(bytes(2900)),
    b'\xef\xbb\xbf{"a":1}',
]


def fuzzed():
    """Give bodies as the fuzzer makes them."""
    sys.path.insert(0, str(TESTS / "fuzz"))
    try:
        from fuzz_body import answer, body  # noqa: PLC0415 - a script beside the tests
    finally:
        sys.path.pop(0)
    rng = random.Random(11)
    return [make(rng) for _ in range(3000) for make in (answer, body)]


@pytest.mark.parametrize("ok", [True, False])
def test_a_small_body_that_is_all_there_reads_the_same_whole_and_streamed(ok):
    """The edges, the labelled answers and the fuzzer's bodies: what is read whole is what comes byte by byte."""
    labelled = [text.encode() if isinstance(text, str) else json.dumps(text).encode() for text in ANSWERS]
    read = 0
    for body in (*EDGES, *labelled, *fuzzed()):
        if (at_once := small_document(body)) is not None:
            document, picture, half = taken(body, sizes=[1] * len(body), ok=ok)
            assert repr((at_once, None, False)) == repr((document, picture, half)), body
            read += 1
    assert read > 300
