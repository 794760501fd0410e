"""Requests that no client library would send, written by hand: each is refused with a sentence, and serves nobody."""

import asyncio
import gzip
import re

import pytest

from pixroute.testing import FakeProvider

PATH = "/v1/images/generations"
BODY = b'{"prompt": "A lighthouse", "size": "64x64"}'
JSON = "Content-Type: application/json"
ZIPPED = "Content-Encoding: gzip"


async def send(served, *headers, line=f"POST {PATH} HTTP/1.1", host="Host: localhost", body=BODY):
    """Send it as it stands; give the status and the answer."""
    told = [line, *([host] if host else []), *headers, f"Content-Length: {len(body)}", "Connection: close"]
    name, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    writer.write("\r\n".join(told).encode() + b"\r\n\r\n" + body)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return int(re.match(rb"HTTP/\S+ (\d+)", answer)[1]), answer.decode(errors="replace")


@pytest.mark.parametrize(
    ("headers", "line"),
    [
        ([], f"POST http://attacker.example{PATH} HTTP/1.1"),
        ([], f"POST http://localhost:80@attacker.example{PATH} HTTP/1.1"),
        (["Origin: http://localhost", "Origin: http://attacker.example"], f"POST {PATH} HTTP/1.1"),
        (["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"], f"POST {PATH} HTTP/1.1"),
        (["X-Forwarded: for=1"], f"POST {PATH} HTTP/1.1"),
    ],
)
async def test_a_server_without_keys_looks_at_all_that_a_request_says(serve, headers, line):
    """At the host in its line, which goes before the Host header, and at every value of a name given twice."""
    served = await serve(provider := FakeProvider())

    status, answer = await send(served, JSON, *headers, line=line)

    assert status == 403, answer
    assert not provider.calls


@pytest.mark.parametrize("version", ["", " HTTP/2.0"])
async def test_what_is_no_http_1_is_refused(serve, version):
    """A line without a version counts as HTTP/0.9, which any old protocol can be made to speak."""
    served = await serve(provider := FakeProvider())

    status, answer = await send(served, JSON, line=f"POST {PATH}{version}")

    assert status == 505, answer
    assert not provider.calls


async def test_two_keys_of_one_request_are_refused(serve):
    """Whoever stands between might look at the other one."""
    served = await serve(provider := FakeProvider())

    status, answer = await send(served, JSON, "Idempotency-Key: a", "Idempotency-Key: b")

    assert (status, "more than one Idempotency-Key" in answer) == (400, True)
    assert not provider.calls


async def test_a_body_that_is_not_what_its_encoding_says_is_the_caller_s_mistake(serve):
    """It was answered 500, as a bug."""
    served = await serve(FakeProvider())

    status, answer = await send(served, JSON, ZIPPED)

    assert (status, "the body cannot be read" in answer) == (400, True)
    status, answer = await send(served, JSON, ZIPPED, body=gzip.compress(BODY))
    assert status == 200, answer


async def test_a_body_that_unpacks_to_more_than_the_limit_is_not_unpacked(serve):
    """300 MB out of 300 kB: it is read as far as the limit."""
    served = await serve(provider := FakeProvider(), max_body=1 << 20)

    status, answer = await send(served, JSON, ZIPPED, body=gzip.compress(b" " * (300 << 20) + BODY, 1))

    assert status == 413, answer
    assert not provider.calls


async def test_a_form_s_charset_that_is_none_is_the_caller_s_mistake(serve):
    """It was answered 500, as a bug."""
    served = await serve(FakeProvider())
    form = f'--X\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n{"a" * 100}\r\n--X--\r\n'.encode()

    status, answer = await send(served, "Content-Type: multipart/form-data; boundary=X", body=form)

    assert (status, "the form cannot be read" in answer) == (400, True)


@pytest.mark.parametrize(
    "headers", [["Host: again"], ["A: \x01"], ["Content-Encoding: gzip"], ["A: " + "a" * 9000]], ids=repr
)
async def test_what_callers_broke_does_not_fill_the_log(serve, caplog, headers):
    """Else anybody could, a traceback for each."""
    served = await serve(FakeProvider())

    status, _ = await send(served, JSON, *headers)

    assert status == 400
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]
