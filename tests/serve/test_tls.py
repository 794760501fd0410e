"""Certificates: what is wrong with one is told before the server listens, by its file."""

import ssl
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from pixroute.errors import ConfigError
from pixroute.serve.tls import server_context
from pixroute.testing import FakeProvider

AGO = datetime.now(UTC) - timedelta(days=2)
LATER = datetime.now(UTC) + timedelta(days=2)


@pytest.fixture(scope="module")
def authority():
    """Somebody whom clients trust."""
    return trustme.CA()


@pytest.fixture
def pair(authority, tmp_path):
    """Write a certificate and its key; gives their paths."""

    def make(name="a", **times):
        made = authority.issue_cert("127.0.0.1", **times)
        cert, key = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        cert.write_bytes(b"".join(one.bytes() for one in made.cert_chain_pems))
        key.write_bytes(made.private_key_pem.bytes())
        return cert, key

    return make


async def test_a_good_one_serves(serve, pair, authority):
    """A client that trusts who made it is answered."""
    cert, key = pair()
    served = await serve(FakeProvider(), tls_cert=cert, tls_key=key)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async with aiohttp.ClientSession() as http, http.get(f"{served.url}/healthz", ssl=trusting) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"not_after": AGO}, "has expired"),
        ({"not_before": LATER, "not_after": LATER + timedelta(days=1)}, "is not valid yet"),
    ],
)
def test_one_that_no_client_would_take_is_refused(pair, times, said):
    """At the start, not by every client."""
    with pytest.raises(ConfigError, match=rf"serve\.tls_cert: .*a\.pem {said}"):
        server_context(*pair(**times))


def test_files_that_are_not_what_they_should_be_are_told_apart(pair, tmp_path):
    """Which of the two, and what is wrong with it."""
    cert, key = pair()
    other, other_key = pair("b")
    none, junk = tmp_path / "none", tmp_path / "junk"
    junk.write_bytes(b"-----BEGIN JUNK-----\n")
    broken = tmp_path / "broken"
    broken.write_bytes(cert.read_bytes()[:300] + b"\n-----END CERTIFICATE-----\n")
    wrong = {
        (none, key): r"tls_cert: .*none cannot be read: No such file",
        (cert, none): r"tls_key: .*none cannot be read: No such file",
        (tmp_path, key): r"tls_cert: .* cannot be read: Is a directory",
        (junk, key): r"tls_cert: .*junk holds no certificate",
        (broken, key): r"tls_cert: .*broken holds no certificate",
        (cert, junk): r"tls_key: .*junk holds no key",
        (cert, other_key): r"tls_key: .*b\.key is not the key of .*a\.pem",
        (other, key): r"tls_key: .*a\.key is not the key of .*b\.pem",
        (key, cert): r"tls_cert: .*a\.key holds no certificate",
    }

    for files, said in wrong.items():
        with pytest.raises(ConfigError, match=said):
            server_context(*files)


def test_nobody_is_asked_for_a_pass_phrase(pair):
    """A server that waited for one would wait for ever."""
    cert, key = pair()
    private = load_pem_private_key(key.read_bytes(), None)
    locked = BestAvailableEncryption(b"secret")
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, locked))

    with pytest.raises(ConfigError, match=r"tls_key: .*a\.key is encrypted"):
        server_context(cert, key)
