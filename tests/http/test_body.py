"""The body decoder against `json.loads` and `b64decode`, its refusals, its limits and its memory."""

import base64
import gc
import json
import re
import tracemalloc
import weakref
from functools import partial
from io import BytesIO
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixroute.http.body.blob import decode_base64
from pixroute.http.body.decoder import Blob, BodyDecoder, BodyError, BodyFault, BodyLimits

WINDOW = 16
LIMITS = BodyLimits(window=WINDOW, decoded=4096, skeleton=4096, pictures=100)
DATA = bytes(range(256))
BASE64 = base64.b64encode(DATA)


def decode(body, *, sizes=(), limits=LIMITS):
    """Feed the body in pieces of these sizes, then the rest; and take the pictures out of the blobs."""
    decoder = BodyDecoder(limits=limits)
    for size in sizes:
        decoder.feed(body[:size])
        body = body[size:]
    decoder.feed(body)
    return plain(decoder.result())


def plain(value):
    if isinstance(value, Blob):
        assert value.size == len(value.data())
        return (value.prefix, value.data(), value.suffix)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


# The rule of the module's docstring, written again: slowly, and with the whole string at hand.

UNITS = re.compile(rb"\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL)
SYMBOLS = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_ \t\n\r\f")


def symbols(text):
    """How many bytes of base64 lead the text of a string."""
    good = 0
    for unit in UNITS.finditer(text):
        character = json.loads(b'"%b"' % unit[0]) if unit[0].isascii() else "\N{SNOWMAN}"
        if character not in SYMBOLS:
            break
        good = unit.end()
    return good


def looks_like_base64(text):
    good = symbols(text)
    return len(text) >= WINDOW and (
        good >= WINDOW or (text[good : good + 1] == b"\\" and unit_end(text, good) > WINDOW)
    )


def unit_end(text, start):
    return UNITS.match(text, start).end()


def expected(text):
    """What a value string of the wire becomes: its text, or a picture between texts."""
    begin = 0
    uri = text[:WINDOW].lower().find(b";base64,")
    if len(text) >= WINDOW and uri >= 0:
        begin = uri + 8
    if not looks_like_base64(text[begin:]):
        return json.loads(b'"%b"' % text)
    end = begin + symbols(text[begin:])
    data = loosely(json.loads(b'"%b"' % text[begin:end], strict=False))
    prefix, suffix = (json.loads(b'"%b"' % part) for part in (text[:begin], text[end:]))
    return (prefix, data, suffix)


def loosely(text):
    """Base64 in either alphabet, with padding anywhere or nowhere, and with a lone symbol that makes no byte."""
    pieces = text.translate({ord("-"): "+", ord("_"): "/", **dict.fromkeys(b" \t\n\r\f")}).split("=")
    whole = [piece[: len(piece) - (len(piece) % 4 == 1)] for piece in pieces]
    return b"".join(base64.b64decode(piece + "=" * (-len(piece) % 4)) for piece in whole)


@st.composite
def escaped(draw, text):
    """A string's text in one of the ways JSON can write it."""
    units = []
    for character in text:
        plain_text = json.dumps(character)[1:-1]
        ways = [plain_text] * 8 + [f"\\u{ord(character):04x}", f"\\u{ord(character):04X}"]
        units.append(draw(st.sampled_from([*ways, "\\/"] if character == "/" else ways)))
    return "".join(units).encode()


white_space = st.sampled_from(["", "", "", " ", "\n", "\r\n", "\t", "\f"])
small_text = st.text(st.sampled_from('aB3+/=-_ ;,.\n"\\{}[]:é☃'), max_size=2 * WINDOW)


@st.composite
def pictures(draw):
    """The wire text of a string that is base64, or nearly."""
    encode = draw(st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
    text = encode(draw(st.binary(max_size=60))).decode()
    text = text.rstrip("=") if draw(st.booleans()) else text
    at = draw(st.integers(0, len(text)))
    text = text[:at] + draw(white_space | small_text) + text[at:]
    prefix = draw(st.sampled_from(["", "", ";base64,", "data:;base64,", "![](;base64,", "a long text ;base64,"]))
    suffix = draw(st.sampled_from(["", "", ")", '"', "\\", "=", "YQ==", ";base64,AAAA"]))
    return prefix.encode() + draw(escaped(text + suffix))


wire_strings = pictures() | small_text.flatmap(escaped)


@st.composite
def documents(draw):
    """A document as bytes, and what it becomes."""
    strings = draw(st.lists(wire_strings, min_size=1, max_size=4))
    gap = draw(st.sampled_from([b"", b" ", b"\n\t"]))
    key = draw(wire_strings.filter(lambda text: json.loads(b'"%b"' % text) != "a"))
    parts = [b'"%b"' % text for text in strings]
    body = b'{"a":%b[%b],"%b":%b%b%b}' % (gap, (gap + b"," + gap).join(parts), key, gap, parts[0], gap)
    values = [expected(text) for text in strings]
    return body, {"a": values, json.loads(b'"%b"' % key): values[0]}


sizes = st.lists(st.integers(1, 40), max_size=20) | st.integers(1, 5).map(lambda size: [size] * 500)


@pytest.mark.slow  # hundreds of examples
@given(documents(), sizes)
def test_strings_with_base64_become_what_b64decode_makes_of_them(document, sizes):
    """However it is written and split, a document is what json.loads and b64decode make of it."""
    body, values = document

    assert decode(body, sizes=sizes) == values


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4),
    max_leaves=8,
)


@pytest.mark.slow  # hundreds of examples
@given(
    st.lists(json_values, max_size=4) | st.dictionaries(st.text(), json_values, max_size=4),
    st.booleans(),
    st.sampled_from(["", " ", "\n \r\t"]),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    sizes,
)
def test_a_document_without_pictures_is_what_json_loads_makes_of_it(document, ascii_only, space, mark, sizes):
    """Any object or array comes out as json.loads would have it."""
    text = space + json.dumps(document, ensure_ascii=ascii_only, indent=len(space)) + space
    body = mark + text.encode("utf-8", "replace")

    assert decode(body, sizes=sizes, limits=BodyLimits()) == json.loads(body)


@pytest.mark.slow  # hundreds of examples
@given(json_values, st.integers(0, 200), st.text(st.sampled_from('[]{}",:\\u1e. N'), max_size=5), sizes)
def test_a_damaged_document_is_refused_as_json_loads_refuses_it(document, at, damage, sizes):
    """What comes before the closing bracket is JSON for both or for neither."""
    text = json.dumps([document, "x"])
    text = text[:at] + damage + text[at:]
    try:
        value = json.JSONDecoder().raw_decode(text.lstrip(" "))[0]
    except ValueError:
        value = None

    if isinstance(value, list | dict):
        assert decode(text.encode(), sizes=sizes, limits=BodyLimits()) == value
    else:
        with pytest.raises(BodyError):
            decode(text.encode(), sizes=sizes, limits=BodyLimits())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (BASE64, ("", DATA, "")),
        (b"data:image/png;base64," + BASE64, ("data:image/png;base64,", DATA, "")),
        (b"\\u2603 ![](;base64," + BASE64 + b")\\n\\u2603", ("\u2603 ![](;base64,", DATA, ")\n\u2603")),
        (BASE64.replace(b"/", b"\\/"), ("", DATA, "")),
        (BASE64.replace(b"+", b"\\u002b").replace(b"=", b"\\u003D"), ("", DATA, "")),
        (b"\\r\\n".join(BASE64[at : at + 76] for at in range(0, len(BASE64), 76)), ("", DATA, "")),
        (b" " + BASE64 + b"\\n", ("", DATA, "")),
        (BASE64[:20], BASE64[:20].decode()),
        (b"data:image/png;base64," + BASE64[:20], "data:image/png;base64," + BASE64[:20].decode()),
        (b"a text, and no picture at all " + BASE64, "a text, and no picture at all " + BASE64.decode()),
        (base64.urlsafe_b64encode(b"\xff\xfe\xfd" * 20), ("", b"\xff\xfe\xfd" * 20, "")),
        (BASE64.rstrip(b"="), ("", DATA, "")),
        (BASE64 + b"==", ("", DATA, "")),
        (BASE64[:-3], ("", DATA[:-1], "")),
        (BASE64 + b"YWFh", ("", DATA + b"aaa", "")),
        (BASE64 + b"\n", ("", DATA, "")),
        (BASE64 + b'\\"', ("", DATA, '"')),
        (BASE64[:-4] + b"\\u0141", ("", DATA[:-1], "\u0141")),
    ],
)
def test_what_becomes_a_picture_and_what_stays_text(text, value):
    """The window decides, byte by byte as well as at once."""
    body = b'{"key": [1, "%b"]}' % text
    limits = BodyLimits(window=24)

    assert decode(body, limits=limits) == {"key": [1, value]}
    assert decode(body, sizes=[1] * len(body), limits=limits) == {"key": [1, value]}


def test_keys_are_never_pictures():
    """A key stays text whatever it looks like, first, later or in an object within an array."""
    key = BASE64.decode()

    document = {key: 1, "a": [{"b": 2, key: {key: 3}}]}

    assert decode(json.dumps(document).encode()) == document


def test_a_duplicate_key_has_its_last_value():
    """Duplicate keys are json.loads' affair; the picture that lost is still the decoder's to discard."""
    decoder = BodyDecoder(limits=LIMITS)

    decoder.feed(b'{"a":"%b","a":"%b"}' % (BASE64, base64.b64encode(b"last" * 9)))

    assert plain(decoder.result()) == {"a": ("", b"last" * 9, "")}
    assert decoder.held == len(DATA) + 36


def test_the_document_ends_at_its_bracket():
    """The decoder says so at the closing bracket, and looks at nothing after it."""
    decoder = BodyDecoder()

    assert not decoder.feed(b'{"a":"}"')
    assert decoder.feed(b"}\xff garbage [[")
    assert decoder.feed(b"}]")

    assert decoder.result() == {"a": "}"}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", BodyFault.INCOMPLETE),
        (b" \n", BodyFault.INCOMPLETE),
        (b"\xef\xbb", BodyFault.INCOMPLETE),
        (b'{"a": [1, "x"]', BodyFault.INCOMPLETE),
        (b'["%b' % BASE64, BodyFault.INCOMPLETE),
        (b"<html>", BodyFault.NOT_JSON),
        (b"\n Bad Gateway", BodyFault.NOT_JSON),
        (b'"%b"' % BASE64, BodyFault.NOT_JSON),
        (b" \xef\xbb\xbf{}", BodyFault.NOT_JSON),
        ("{}".encode("utf-16"), BodyFault.NOT_JSON),
        (b"[1,]", BodyFault.NOT_JSON),
        (b"[}", BodyFault.NOT_JSON),
        (b'["\n"]', BodyFault.NOT_JSON),
        (b'[1"%b"]' % BASE64, BodyFault.NOT_JSON),
        (b'["%b"1]' % BASE64, BodyFault.NOT_JSON),
        (b'["\xff"]', BodyFault.NOT_JSON),
        (b'["\xed\xa0\x80"]', BodyFault.NOT_JSON),
        (b"[" * 101 + b"]" * 101, BodyFault.SKELETON_LIMIT),
    ],
)
def test_refused(body, fault):
    """What is not JSON, not whole or not base64 is refused for that reason, however it is split."""
    for sizes in ([], [1] * len(body)):
        with pytest.raises(BodyError) as caught:
            decode(body, sizes=sizes, limits=BodyLimits(window=WINDOW))

        assert caught.value.fault is fault


@pytest.mark.parametrize("more", [b"YQ==", b"YWFh", b"=", b"YQ"])
def test_what_follows_the_padding_goes_on(more):
    """Base64 that was written in pieces, each with its padding, is one picture wherever the body was split."""
    body = b'["%b%b"]' % (BASE64, more)

    for at in range(len(body)):
        assert decode(body, sizes=[at, 1, 1, 2]) == [("", DATA + loosely(more.decode()), "")]


PICTURE = b"\x89PNG" + DATA


@pytest.mark.parametrize(
    "beside",
    [
        b'"seed":%b' % (b"1" * 5000),
        b'"score":NaN,"most":-Infinity',
        b'"prompt":"a\nb\tc"',
        b'"prompt":"caf\xe9"',
        b'"picture":null',
        b'"picture":""',
    ],
)
def test_what_stands_beside_a_picture_does_not_lose_it(beside):
    """A number too long for Python, a raw line end, another encoding, a name twice: the picture is there."""
    for body in (b'{%b,"picture":"%b"}', b'{"picture":"%b",%b}'):
        parts = (beside, base64.b64encode(PICTURE))
        written = b"\xef\xbb\xbf" + body % (parts if body.startswith(b"{%b,") else parts[::-1])

        for sizes in ([], [1] * len(written)):
            document = decode(written, sizes=sizes, limits=BodyLimits(window=WINDOW))
            assert document["picture"] == ("", PICTURE, "")


def test_a_long_integer_is_a_float():
    """Python refuses to read it; JSON does not."""
    assert decode(b"[%b, 12]" % (b"1" * 5000), limits=BodyLimits()) == [float("inf"), 12]


@pytest.mark.parametrize("name", ["thoughtSignature", "thought_signature", "signature"])
def test_of_a_signature_only_a_sample_is_held(name):
    """It may be larger than the picture beside it, and nobody asked for it; a picture under that name is kept."""
    decoder = BodyDecoder()
    decoder.feed(b'{"%b" : "' % name.encode())
    for _ in range(100):
        decoder.feed(base64.b64encode(b"noise " * 2**14))
    decoder.feed(b'", "picture": "%b", "%b2": 1}' % (base64.b64encode(PICTURE * 40), name.encode()))

    document = decoder.result()

    assert document[name].size == 100 * 6 * 2**14
    assert decoder.held < 5000 + len(PICTURE * 40)
    assert document["picture"].data() == PICTURE * 40


def test_html_is_refused_at_its_first_byte():
    """Nobody waits for the end of an error page."""
    decoder = BodyDecoder()
    decoder.feed(b"\r\n ")

    with pytest.raises(BodyError, match=r"not a JSON object or array \(at byte 3\)"):
        decoder.feed(b"<")


def test_an_error_quotes_nothing_of_the_body():
    """Prompts and answers stay out of tracebacks, the original exception's included."""
    decoder = BodyDecoder()
    decoder.feed(b'{"prompt": secret}')

    with pytest.raises(BodyError) as caught:
        decoder.result()

    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("fits", "too_much", "fault"),
    [
        (b'["%b"]' % base64.b64encode(bytes(4096)), b'["%b"]' % base64.b64encode(bytes(4097)), BodyFault.DECODED_LIMIT),
        (b'["%b"]' % (b"." * 4092), b'["%b"]' % (b"." * 4093), BodyFault.SKELETON_LIMIT),
        (b"[%b1]" % (b" " * 4093), b"[%b1]" % (b" " * 4094), BodyFault.SKELETON_LIMIT),
        (
            b"[%b1]" % (b'"%b",' % BASE64 * 100),
            b"[%b1]" % (b'"%b",' % BASE64 * 101),
            BodyFault.TOO_MANY,
        ),
        (b"[" * 100 + b"]" * 100, b"[" * 101, BodyFault.SKELETON_LIMIT),
    ],
)
def test_limits(fits, too_much, fault):
    """A limit is what just fits; one more is refused."""
    limits = BodyLimits(
        window=WINDOW, decoded=4096, skeleton=4096 if fault is not BodyFault.TOO_MANY else 8192, pictures=100
    )

    decode(fits, limits=limits)

    with pytest.raises(BodyError) as caught:
        decode(too_much, limits=limits)
    assert caught.value.fault is fault


def test_a_blob_shows_its_ends():
    """Head and tail are what header and end-marker checks need."""
    data = bytes(100_000) + b"end"
    decoder = BodyDecoder()
    decoder.feed(b'["%b"]' % base64.b64encode(data))

    [blob] = decoder.result()

    assert (blob.head, blob.tail) == (data[:65536], data[-65536:])
    assert blob.path is None
    assert blob.data() == data


def test_discarded_pictures_are_not_held():
    """The memory of a draft goes back at once; bytes taken before stay."""
    decoder = BodyDecoder(limits=LIMITS)
    decoder.feed(b'["%b","%b' % (BASE64, BASE64))
    assert decoder.held == 2 * len(DATA)
    decoder.feed(b'"]')
    first, _ = decoder.result()
    data = first.data()

    first.discard()
    assert decoder.held == len(DATA)
    decoder.close()

    assert decoder.held == 0
    assert data == DATA


def test_a_picture_can_go_to_a_file(tmp_path):
    """A file sink holds nothing in memory; what was renamed survives the close, what was not is deleted."""
    decoder = BodyDecoder(limits=LIMITS, open_sink=partial(NamedTemporaryFile, dir=tmp_path, delete=False))
    decoder.feed(b'["%b","%b"]' % (BASE64, BASE64))
    draft, final = decoder.result()
    assert (final.head, final.data(), decoder.held) == (DATA, DATA, 0)

    final.sink.close()
    kept = final.path.rename(tmp_path / "kept.png")
    decoder.close()

    assert list(tmp_path.iterdir()) == [kept]
    assert kept.read_bytes() == DATA
    assert draft.sink.closed


def test_an_abandoned_decoder_frees_its_memory_at_once():
    """Nothing refers in a circle: a picture must not wait for the garbage collector."""
    gc.disable()
    try:
        decoder = BodyDecoder(limits=LIMITS)
        decoder.feed(b'["%b' % BASE64)
        gone = weakref.ref(decoder)

        del decoder

        assert gone() is None
    finally:
        gc.enable()


def traced_peak(decoder, size):
    """Feed a picture of this size from nowhere, take it, and return the peak of the memory that took."""
    chunk = base64.b64encode(bytes(range(192)) * 1024)
    tracemalloc.start()
    decoder.feed(b'["')
    for _ in range(size // (192 * 1024)):
        decoder.feed(chunk)
    decoder.feed(b'"]')
    [blob] = decoder.result()
    data = blob.data() if blob.path is None else blob.head
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.startswith(bytes(range(192)))
    assert blob.size == size
    return peak


def test_a_picture_in_memory_is_held_once():
    """The peak stays under 1.1 pictures, taking it included."""
    size = 40 * 192 * 1024

    def reserve():  # counts here, though the system has not provided it
        return BytesIO(bytes(size))

    assert traced_peak(BodyDecoder(open_sink=reserve), size) < 1.1 * size


def test_a_picture_in_a_file_is_not_held(tmp_path):
    """The peak does not depend on the picture."""
    decoder = BodyDecoder(open_sink=partial(NamedTemporaryFile, dir=tmp_path))

    assert traced_peak(decoder, 40 * 192 * 1024) < 1024**2

    decoder.close()


def test_padding_within_the_last_four_symbols_ends_a_piece():
    """What stands behind a padding is a piece of its own, also where the whole is a multiple of four."""
    assert decode_base64(b"AAAAAAAAA3=3") == b"\0\0\0\0\0\0\x03"
    assert decode_base64(b"AAAAAAA3") == b"\0\0\0\0\0\x37"
    assert decode_base64(b"AAAAAA==") == b"\0\0\0\0"
