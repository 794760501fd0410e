"""A server without keys answers programs of its own machine, and nobody else."""

import pytest

from pixroute.config.serve import ServeSettings
from pixroute.errors import ConfigError
from pixroute.serve.access import host_of, is_loopback
from pixroute.serve.listen import check_place
from pixroute.testing import FakeProvider

ASKED = {"prompt": "A lighthouse", "size": "64x64"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Forwarded": "for=1.2.3.4"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"x-forwarded-proto": "https"},
        {"Via": "1.1 proxy"},
        {"Host": "attacker.example"},
        {"Host": "localhost.attacker.example"},
        {"Host": "127.0.0.1.nip.io:80"},
        {"Host": ""},
        {"Host": "localhost:x"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.attacker.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/images/generations", "/healthz", "/nowhere"])
async def test_what_came_from_elsewhere_is_refused(serve, headers, path):
    """Through a proxy, by another name for this host, from a page of another site."""
    served = await serve(provider := FakeProvider())

    async with served.post(path, ASKED, headers=headers) as answer:
        assert answer.status == 403, await answer.text()

    assert not provider.calls


@pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream", ""])
async def test_a_body_that_any_page_may_send_is_refused(serve, type_):
    """A page can send these without asking."""
    served = await serve(provider := FakeProvider())

    async with served.http.post(
        f"{served.url}/v1/images/generations", data=b'{"prompt": "a"}', headers={"Content-Type": type_}
    ) as answer:
        assert answer.status == 415

    assert not provider.calls


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080", "[::1]"])
async def test_this_machine_s_own_names_are_taken(serve, host):
    """In any case, with or without a port."""
    served = await serve()

    async with served.get("/healthz", headers={"Host": host, "Origin": "http://localhost:3000"}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.org", "127.0.0.1.nip.io"])
def test_without_keys_it_does_not_listen_for_others(host):
    """The configuration is refused, with what to do."""
    assert not is_loopback(host)
    with pytest.raises(ConfigError, match=r"serve\.host: is .* no API keys"):
        check_place(ServeSettings(host=host))


def test_a_host_is_read_without_its_port():
    """And what is no port makes it nobody's."""
    found = [host_of(text) for text in ("localhost:80", "[::1]:80", "[::1]", "a:b:80", "localhost:80x", "")]

    assert found == ["localhost", "[::1]", "[::1]", "a:b", "", ""]


async def test_health_is_told(serve):
    """For whoever starts and stops it."""
    served = await serve()

    async with served.get("/healthz") as alive, served.get("/readyz") as ready:
        assert (alive.status, ready.status) == (200, 200)


async def test_what_is_not_there_is_told_in_openai_s_envelope(serve):
    """Paths and methods alike."""
    served = await serve()

    async with served.get("/v1/nothing") as missing, served.get("/v1/images/generations") as wrong:
        assert (missing.status, wrong.status) == (404, 405)
        assert (await missing.json())["error"]["kind"] == "not_found"
        assert wrong.headers["Allow"] == "POST"
