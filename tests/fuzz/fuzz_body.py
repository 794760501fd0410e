"""Throws what is nearly an answer in any form at the readers of bodies: `python tests/fuzz/fuzz_body.py --minutes 10`.

However a body is split, the outcome is the same; it is a document, a picture or a BodyError, never another exception;
and nothing grows past the limits. A failure prints the seed that repeats it (`--seed`).
"""

import argparse
import base64
import gzip
import random
import time
import zlib
from typing import Any

from pixroute.http.body.blob import reserve_memory
from pixroute.http.body.decoder import Blob, BodyDecoder, BodyError, BodyLimits
from pixroute.http.body.incoming import Incoming, small_document
from pixroute.http.body.inflate import BrokenStream, Inflater

LIMITS = BodyLimits(decoded=300, skeleton=400, pictures=4, window=16, depth=8)
PIECES = [
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b'{"a":', b'"},{', b'["', b'","', b'"]', b'"}', b" ", b"\n"),
    *(b"\\", b'\\"', rb"\\", rb"\/", rb"\n", rb"\t", rb"\u", rb"\u0", rb"\u002b", rb"\u003D", rb"\u2603", rb"\ud83d"),
    *(b"1", b"-0", b"1e9", b"null", b"NaN", b"x", b"\xef\xbb\xbf", b"\xff", b"\x00", "é☃😀".encode()),
    *(b";base64,", b"data:image/png;base64,", b"=", b"==", b"-_", b"AAAA", b"YQ==", b"A" * 15, b"A" * 16, b"/+" * 40),
]


def body(rng: random.Random) -> bytes:
    """Make a document of pieces, some of them pictures; sometimes well-formed, sometimes cut or with a byte changed."""
    made = bytearray(rng.choice([b"{", b"[", b'["', b'{"a":"', b""]))
    for _ in range(rng.randrange(24)):
        made += rng.choice(PIECES)
        if rng.random() < 0.2:
            made += base64.b64encode(rng.randbytes(rng.randrange(120)))
        if rng.random() < 0.05 and made:
            made[rng.randrange(len(made))] = rng.randrange(256)
    return bytes(made) + rng.choice([b"", b"]", b'"]', b'"}', b"}"])


def outcome(data: bytes, sizes: list[int]) -> Any:
    """Decode the pieces and check the bounds: the plain document, or the fault."""
    decoder = BodyDecoder(limits=LIMITS)
    try:
        for size in sizes:
            decoder.feed(data[:size])
            data = data[size:]
            check_bounds(decoder)
        return plain(decoder.result())
    except BodyError as error:
        return error.fault
    finally:
        decoder.close()


def check_bounds(decoder: BodyDecoder) -> None:
    """Nothing is over its limit; the marks in the skeleton are ours and come on top."""
    assert decoder.held <= LIMITS.decoded * LIMITS.pictures
    assert len(decoder._skeleton) <= LIMITS.skeleton + 40 * LIMITS.pictures
    assert decoder.complete or len(decoder._rest) <= 2 * LIMITS.window + 6


def plain(value: Any) -> Any:
    """Take the pictures out of the blobs; repr, because NaN is not equal to itself."""
    if isinstance(value, Blob):
        return (value.prefix, value.data(), value.suffix)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else repr(value)


PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
LINES = base64.encodebytes(PICTURE)
WRITTEN = [
    base64.b64encode(PICTURE),
    base64.urlsafe_b64encode(PICTURE).rstrip(b"="),
    base64.b64encode(PICTURE).replace(b"/", b"\\/"),
    *(LINES.replace(b"\n", end) for end in (b"\\n", b"\\r\\n", b"\n", b"\\u000a")),
    base64.b64encode(PICTURE[:90]),
]
BEFORE = [b"", b"", b": ping\n\n", b" \n", b"\xef\xbb\xbf", b"event: done\n", b"id: 1\n"]
COMPRESSED = [bytes, bytes, gzip.compress, zlib.compress, lambda data: zlib.compress(data)[2:-4]]


def answer(rng: random.Random) -> bytes:
    """Make a body of any form, sometimes cut, compressed, or with a byte changed."""
    written = rng.choice(WRITTEN)
    document = b'{"data":[{"b64_json":"%b"}]}' % written
    events = b"".join(
        rng.choice([b"data: %b\n\n", b": ping\n", b"data:%b\r\n\r\n", b"data: ping\n\n"]).replace(b"%b", one)
        for one in rng.choices([document, body(rng).replace(b"\n", b""), b'{"a":1}'], k=rng.randrange(1, 4))
    )
    made = rng.choice([document, events, events + b"data: [DONE]\n\n", PICTURE, written, b'"%b"' % written, body(rng)])
    made = bytearray(rng.choice(BEFORE) + made)
    if rng.random() < 0.2:
        made[rng.randrange(len(made))] = rng.randrange(256)
    return rng.choice(COMPRESSED)(bytes(made[: rng.randrange(len(made)) if rng.random() < 0.2 else None]))


def taken(data: bytes, sizes: list[int], *, declared: str, ok: bool) -> Any:
    """Inflate and read the pieces as an answer is read: document, picture and what is missing, or the fault."""
    inflater, incoming = Inflater(declared), Incoming(picture_expected=ok, open_sink=reserve_memory)
    try:
        for size in [*sizes, 0]:
            chunk, data = data[:size], data[size:]
            while (found := inflater.take(chunk)) or inflater.waiting:
                if found and incoming.feed(found):
                    break
                chunk = b""
                if not inflater.waiting:
                    break
        incoming.finish()
        document, picture = incoming.document(), incoming.picture()
        return plain(document), picture and plain(picture), incoming.half_json, incoming.usable
    except (BodyError, BrokenStream) as error:
        return type(error)


def read_whole(data: bytes) -> Any:
    """Read a body that is all there; None if it is left to be read as it comes."""
    document = small_document(data)
    return None if document is None else (plain(document), None, False, False)


def attempt(seed: int) -> bool:
    """Compare three ways to split one body, and reading it whole; whether it became a document."""
    rng = random.Random(seed)
    data = body(rng)
    whole, bytewise, pieces = (outcome(data, sizes) for sizes in splits(rng, data))
    assert whole == bytewise == pieces, (data, whole, bytewise, pieces)
    sent, declared, ok = answer(rng), rng.choice(["", "gzip", "deflate", "br"]), rng.random() < 0.8
    found = [taken(sent, sizes, declared=declared, ok=ok) for sizes in splits(rng, sent)]
    assert found[0] == found[1] == found[2], (sent, declared, ok, found)
    for one in (sent, data):
        if (at_once := read_whole(one)) is not None:
            streamed = taken(one, [1] * len(one), declared="", ok=ok)
            assert at_once == streamed, (one, ok, at_once, streamed)
    return isinstance(whole, dict | list)


def splits(rng: random.Random, data: bytes) -> list[list[int]]:
    """Give three ways to split it: not at all, into bytes, and into pieces of any size."""
    return [[len(data)], [1] * len(data), [rng.randrange(1, 40) for _ in data] + [len(data)]]


def main() -> None:
    """Run until the time is over, or one seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, help="repeat one attempt")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        attempt(arguments.seed)
        return
    ends_at = time.monotonic() + 60 * arguments.minutes
    seed = start = random.SystemRandom().randrange(2**32)
    documents = 0
    while time.monotonic() < ends_at:
        try:
            documents += attempt(seed)
        except BaseException:
            print(f"seed {seed}")
            raise
        seed += 1
    print(f"{seed - start} bodies, {documents} of them documents, no surprise")


if __name__ == "__main__":
    main()
