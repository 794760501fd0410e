"""An upstream gives the key back, in forty places and a dozen forms: it stands nowhere afterwards."""

import base64
import json
import logging
import traceback
from urllib.parse import quote

import pytest

from pixroute import Router
from pixroute.cli.document import delivered, failed
from pixroute.dialects import openai_images
from pixroute.errors import RequestFailed
from pixroute.http import Call, Finished, HttpSettings, Job, JobProvider, Queued
from pixroute.http.pace import Pace
from pixroute.http.transport import Transport
from pixroute.ledger import Ledger
from pixroute.outcome import Failure, FailureKind
from pixroute.policy import Policy, RetryPolicy
from pixroute.provider import Capabilities
from pixroute.secret import Secret
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step
from pixroute.testing.invariants import Invariants

pytestmark = pytest.mark.slow  # some five hundred requests over real sockets

KEY = "sk-Zx81/first+Secret_0123456789abcdef"
PICTURE = base64.b64encode(blank_png(1024, 1024)).decode()
PIECE = 10
"""Characters of a form that must not stand together anywhere."""


def b64(text):
    return base64.b64encode(text.encode()).decode()


FORMS = {
    "whole": KEY,
    "in capitals": KEY.upper(),
    "partly percent-encoded": quote(KEY, safe=""),
    "wholly percent-encoded": "".join(f"%{byte:02X}" for byte in KEY.encode()),
    "base64": b64(KEY),
    "base64 of Bearer": b64(f"Bearer {KEY}"),
    "base64, third alignment": base64.urlsafe_b64encode(f"xy{KEY}".encode()).decode(),
    "hex": KEY.encode().hex(),
    "html": "".join(f"&#{ord(one)};" for one in KEY),
    "json escapes": "".join(f"\\u{ord(one):04x}" for one in KEY),
    "over two lines": f"{KEY[:11]}\n{KEY[11:]}",
    "spaced": " ".join(KEY),
    "without its prefix": KEY[3:],
}


def error(status=500, **fields):
    return Step.json({"error": fields}, status=status)


def header(name, status=500):
    return lambda key: Step.json({"error": {"message": "m"}}, status=status, headers={name: " ".join(key.split("\n"))})


def good(**more):
    return Step.json({"data": [{"b64_json": PICTURE, **more.pop("item", {})}], **more})


def taken(key, *after):
    return Step.json({"job": key}, status=202), *after


NO_PICTURE = Step.reply(200, b"no picture", {"Content-Type": "image/png"})


def within(step, files):
    """Let an answer name the server of files."""
    return step(files.origin) if callable(step) else step


PLACES = {
    "x-request-id": header("x-request-id"),
    "request-id": header("request-id"),
    "Retry-After": header("Retry-After", 429),
    "retry-after-ms": header("retry-after-ms", 503),
    "Server": header("Server", 502),
    "Via": header("Via", 504),
    "Location": lambda key: Step.reply(302, b"", {"Location": f"https://evil.test/{quote(key)}"}),
    "Location's host": lambda key: Step.reply(302, b"", {"Location": f"https://{''.join(key.split())}.test/"}),
    "Location's port": lambda key: Step.reply(302, b"", {"Location": f"https://evil.test:{''.join(key.split())}/"}),
    "content type": lambda key: Step.reply(200, b"hello", {"Content-Type": " ".join(key.split())}),
    "error.message": lambda key: error(message=f"Incorrect API key provided: {key}."),
    "error.message at the cut": lambda key: error(message=f"{'word ' * 38}{key} and more"),
    "error.code": lambda key: error(code=key),
    "error.type": lambda key: error(type=key),
    "error.param": lambda key: error(code="bad_response_status_code", param=key),
    "error.status": lambda key: error(status=key),
    "error.details": lambda key: error(details=[{"reason": key, "retryDelay": key}]),
    "error as text": lambda key: Step.json({"error": key}, status=401),
    "detail": lambda key: Step.json({"detail": key}, status=422),
    "msg": lambda key: Step.json({"msg": key}, status=403),
    "request_id in the body": lambda key: Step.json({"error": {"message": "m"}, "request_id": key}, status=500),
    "request id in the text": lambda key: error(message=f"failed (request id: {key})"),
    "retry in the text": lambda key: error(429, message=f"retry in {key} s"),
    "JSON in the message": lambda key: error(message=json.dumps({"error": {"message": f"no {key}"}})),
    "an HTML page": lambda key: Step.reply(502, f"<html><title>{key}</title><p>{key}".encode()),
    "a page without a title": lambda key: Step.reply(403, f"<html><p>{key}<p>".encode()),
    "plain text": lambda key: Step.reply(500, f"no such key: {key}".encode()),
    "text that is cut": lambda key: Step.reply(500, f"{' ' * 1000}{key} {'x' * 99}".encode()),
    "server-sent events": lambda key: Step.reply(200, f": {key}\n\ndata: {key}\n\n".encode()),
    "half a document": lambda key: Step.reply(200, json.dumps({"a": key})[:-1].encode()),
    "a head that is no HTTP": lambda key: Step.raw(f"{key} 200 OK\r\n\r\n".encode()),
    "a header that is none": lambda key: Step.raw(f"HTTP/1.1 200 OK\r\n{key}\r\n\r\n".encode()),
    "the reason phrase": lambda key: Step.raw(
        f"HTTP/1.1 500 {' '.join(key.split())}\r\nContent-Length: 0\r\n\r\n".encode()
    ),
    "a 200 without a picture": lambda key: Step.json({"text": key}),
    "an error in a 200": lambda key: Step.json({"error": {"message": key}}),
    "an error in place of a picture": lambda key: Step.json({"data": [{"error": {"message": f"{'word ' * 38}{key}"}}]}),
    "what is no picture": lambda key: Step.json({"data": [{"b64_json": key}]}),
    "a data URI": lambda key: Step.json({"data": [{"b64_json": f"data:{key};base64,{PICTURE}"}]}),
    "a result URL": lambda key: Step.json({"data": [{"url": f"https://127.0.0.1/{quote(key)}"}]}),
    "a result URL's host": lambda key: Step.json({"data": [{"url": f"https://{quote(key)}/a.png"}]}),
    "x-request-id of a picture": lambda key: Step.json(
        {"data": [{"b64_json": PICTURE}]}, headers={"x-request-id": " ".join(key.split())}
    ),
    "a revised prompt": lambda key: good(item={"revised_prompt": f"a key {key}"}),
    "the model": lambda key: good(model=key),
    "the usage": lambda key: good(usage={"tokens": {"kind": [key]}}),
    "the usage's names": lambda key: good(usage={key: 1}),
    "what decode raises": lambda key: Step.json({"data": [], "raise": key}),
    "what classify raises": lambda key: Step.json({"raise": key}, status=500),
    "a job's id": lambda key: taken(quote(key), Step.json({"state": "done", "data": []})),
    "a poll's answer": lambda key: taken("j1", Step.json({"state": "failed", "why": key})),
    "a poll's error": lambda key: taken("j1", error(404, message=key)),
    "a result URL that was fetched": lambda key: (
        lambda origin: Step.json({"data": [{"url": f"{origin}/a.png?sig={quote(''.join(key.split()))}"}]})
    ),
    "a fact of the plugin's": lambda key: good(note={"remote": key, key: 1, "seed": key}),
    "a fact in a list": lambda key: good(note={"first_byte": [key, {key: (key,)}]}),
    "a fact of bytes": lambda key: good(note={"raw": key}, raw=True),
    "the progress": lambda key: good(progress=key),
    "what a fact's text is": lambda key: good(note={"error": key}, raised=True),
    "the status of a plugin's failure": lambda key: Step.json({"failed": key}, status=500),
    "what progress raises": lambda key: taken("j1", Step.json({"state": "raise", "why": key})),
}


class Echoing(JobProvider[HttpSettings]):
    """Reads pictures and jobs, and raises what it is told to."""

    def capabilities(self):
        """Tell what it can do."""
        return Capabilities()

    def encode(self, request):
        """Write the call."""
        return Call.post("images", json={"prompt": request.prompt})

    def classify(self, reply):
        """Raise where it is told to."""
        if isinstance(reply.json, dict) and "failed" in reply.json:
            word = reply.json["failed"]
            return Failure(
                kind=FailureKind.SERVER_ERROR, message=word, status=word, code=word, advice=word, task=word, url=word
            )
        if isinstance(reply.json, dict) and "raise" in reply.json and not reply.ok:
            raise RuntimeError(reply.json["raise"]) from OSError(reply.json["raise"])
        return None

    def accepted(self, reply):
        """Read the job."""
        return Job(id=reply.json["job"], poll=f"jobs/{reply.json['job']}")

    def progress(self, reply):
        """Read the state."""
        match reply.json["state"]:
            case "failed":
                return Failure(kind=FailureKind.SERVER_ERROR, message=f"It failed: {reply.json['why']}")
            case "raise":
                raise RuntimeError(reply.json["why"])
        return Finished() if reply.json["state"] == "done" else Queued()

    def decode(self, reply):
        """Find the pictures."""
        if "raise" in reply.json:
            raise RuntimeError(reply.json["raise"])
        return openai_images.pictures(reply)

    def details(self, reply):
        """Read what stands beside them."""
        return openai_images.details(reply)

    async def _conclude(self, reply, told, door, sinks):
        """Take an answer without a job for the pictures themselves."""
        if isinstance(reply.json, dict) and "job" in reply.json:
            return await super()._conclude(reply, told, door, sinks)
        if isinstance(reply.json, dict):
            facts = reply.json.get("note", {})
            if reply.json.get("raw"):
                facts = {name: value.encode() for name, value in facts.items()}
            if reply.json.get("raised"):
                facts = {name: ValueError(value) for name, value in facts.items()}
            door.context.note(**facts)
            if "progress" in reply.json:
                door.context.progress(reply.json["progress"])
        return await self._collect(reply, told, door, sinks)


async def told_of(steps, ledger, caplog):
    """Ask once, and give everything that is kept or shown of it."""
    async with ScriptedServer(NO_PICTURE) as files, ScriptedServer(*(within(step, files) for step in steps)) as server:
        settings = HttpSettings(
            base_url=server.origin,
            api_key=Secret(KEY),
            model="m-1",
            plaintext="accept",
            allow_private_results=True,
        )
        provider, events = Echoing("main", settings), []
        invariants = Invariants(providers={"main": provider})
        router = Router(
            providers={"main": provider},
            chains={"default": ["main"]},
            policy=Policy(retry=RetryPolicy(quick=False, rounds=())),
            observers={"ledger": Ledger(ledger, sync=False), "events": events.append, "invariants": invariants},
            transport=Transport(pace=Pace(first_poll=0.001, longest_poll=0.001, fetch=0.05)),
        )
        async with router:
            try:
                end = await router.generate("a lighthouse")
                told = [end, end.images, end.usage, end.model, delivered(end, [], [])]
            except RequestFailed as error_:
                end = error_
                told = [end, failed(end, []), "".join(traceback.format_exception(end))]
        invariants.check_end(router.health())
    log = [logging.Formatter().format(record) for record in caplog.records]
    shown = [*told, end.record, end.record.attempts, events, ledger.read_text(), log, router.health()]
    return "\n".join(f"{one}\n{one!r}" for one in shown)


@pytest.mark.parametrize("place", PLACES)
async def test_an_upstream_gives_the_key_back(place, tmp_path, caplog):
    """In no form does it stand in str, repr, log, events, ledger, the document of `--json`, or a traceback."""
    leaks = []
    for form, key in FORMS.items():
        caplog.clear()
        made = PLACES[place](key)
        told = await told_of(made if isinstance(made, tuple) else (made,), tmp_path / f"{form}.jsonl", caplog)
        texts = (told.lower(), "".join(told.split()).lower())
        pieces = {key[at : at + PIECE].lower() for at in range(len(key) - PIECE + 1)}
        leaks += [(form, piece) for piece in sorted(pieces) if any(piece in text for text in texts)]

    assert leaks == []
