"""What was paid for is taken, in whatever form, under whatever name and from whatever stream it comes."""

import base64
import gzip
import json
import zlib

import pytest

from pixroute.outcome import Billing, FailureKind, Stage
from pixroute.request import Reference
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step

PNG = blank_png(1024, 1024)
TEXT = base64.b64encode(PNG).decode()
DOCUMENT = json.dumps({"data": [{"b64_json": TEXT}]}).encode()
DRAFT = json.dumps({"type": "image_generation.partial_image", "b64_json": TEXT}).encode()
DONE = json.dumps({"type": "image_generation.completed", "b64_json": TEXT}).encode()
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
RAW_DEFLATE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
IMAGES = {"api": "images"}


def sent(body, encoding=None, kind="application/json"):
    headers = {"Content-Type": kind} if kind else {}
    return Step.reply(200, body, headers | ({"Content-Encoding": encoding} if encoding else {}))


FORMS = {
    "plain called gzip": sent(DOCUMENT, "gzip"),
    "plain called deflate": sent(DOCUMENT, "deflate"),
    "plain called br": sent(DOCUMENT, "br"),
    "plain called zstd": sent(DOCUMENT, "zstd"),
    "gzip": sent(gzip.compress(DOCUMENT), "gzip"),
    "gzip called x-gzip": sent(gzip.compress(DOCUMENT), "x-gzip"),
    "gzip called br": sent(gzip.compress(DOCUMENT), "br"),
    "gzip called nothing": sent(gzip.compress(DOCUMENT)),
    "gzip of two members": sent(gzip.compress(DOCUMENT[:100]) + gzip.compress(DOCUMENT[100:]), "gzip"),
    "gzip, then more": sent(gzip.compress(DOCUMENT) + b"\0" * 100, "gzip"),
    "deflate": sent(zlib.compress(DOCUMENT), "deflate"),
    "deflate without a header": sent(RAW_DEFLATE.compress(DOCUMENT) + RAW_DEFLATE.flush(), "deflate"),
    "bytes called gzip": sent(PNG, "gzip", "image/png"),
    "bytes called JSON": sent(PNG),
    "bytes called text": sent(PNG, kind="text/plain"),
    "bytes called nothing": sent(PNG, kind=None),
    "JSON called a picture": sent(DOCUMENT, kind="image/png"),
    "JSON called a page": sent(DOCUMENT, kind="text/html"),
    "JSON called a stream": sent(DOCUMENT, kind="text/event-stream"),
    "short base64 called text": sent(TEXT.encode(), kind="text/plain"),
    "short URL-safe base64": Step.json({"data": [{"b64_json": TEXT.replace("+", "-").replace("/", "_").rstrip("=")}]}),
    "short base64 in lines": Step.json({"data": [{"b64_json": base64.encodebytes(PNG).decode()}]}),
    "an entry that is base64": Step.json({"data": [TEXT]}),
    "data that is base64": Step.json({"data": TEXT}),
    "a stream that stays open": Step.raw(STREAM + b"data: " + DONE + b"\n\n") + Step.hang(),
    "a stream kept open": Step.raw(STREAM + b"data: " + DONE + b"\n\n") + Step.drip(b": ping\n" * 900, every=0.01),
    "a stream cut in what follows": Step.raw(STREAM + b"data: " + DONE + b'\n\ndata: {"us') + Step.rst(),
    "a stream cut after a draft": Step.raw(STREAM + b"data: " + DRAFT + b"\n\n") + Step.rst(),
    "a draft, comments, the picture": Step.raw(STREAM + b"data: " + DRAFT + b"\n\n")
    + Step.drip(b": ping\n" * 8, every=0.01)
    + Step.raw(b"data: " + DONE + b"\n\n")
    + Step.hang(),
}


@pytest.mark.slow  # of streams that stay open the idle limit is waited for, 0.3 s
@pytest.mark.parametrize("form", FORMS)
async def test_a_picture_is_taken(wired, form):
    """Nothing is bought elsewhere."""
    async with ScriptedServer(FORMS[form]) as server, wired(server.origin, settings=IMAGES) as wire:
        told = await wire.ask()

    assert told.result is not None
    assert (told.result.provider, told.result.image.content.data()) == ("primary", PNG)


async def test_what_is_compressed_and_broken_is_told(fails_over):
    """As what it is, not as a document."""
    answer = sent(gzip.compress(DOCUMENT)[:10] + b"\xff" * 200, "gzip")
    async with ScriptedServer(answer) as server:
        told = await fails_over(server.origin, FailureKind.PROTOCOL, Stage.WAIT, Billing.AMBIGUOUS, settings=IMAGES)

    assert "compression" in told.first.failure.message


ECHOES = {
    "base64": Step.json({"data": [{"b64_json": TEXT}]}),
    "a data URI": Step.json({"data": [{"url": f"data:image/png;base64,{TEXT}"}]}),
    "a URL": Step.json({"data": [{"url": "/a.png"}]}),
    "bytes": sent(PNG),
}


@pytest.mark.parametrize("form", ECHOES)
async def test_a_reference_that_comes_back_is_no_result(wired, form):
    """In whatever form: it is what was sent."""
    async with ScriptedServer(ECHOES[form], sent(PNG)) as server, wired(server.origin, settings=IMAGES) as wire:
        told = await wire.ask(references=[Reference(data=PNG)])

    assert told.first.kind is FailureKind.EMPTY


async def test_bytes_go_into_the_file(wired, tmp_path):
    """A body that is the picture is written as base64 is, while it comes."""
    target = tmp_path / "a.png"
    async with ScriptedServer(sent(PNG, kind=None)) as server, wired(server.origin, settings=IMAGES) as wire:
        told = await wire.ask(into=target)

    assert told.result.provider == "primary"
    assert target.read_bytes() == PNG
