"""Ten reloads, two of them bad, while 200 requests are in flight on the emulator."""

import asyncio

import pytest

from pixroute import ConfigError, Router
from pixroute.testing.emulator import Emulator

FILE = """
[chains]
default = ["banana"]
[providers.banana]
type = "nano-banana-pro-http"
api_key = {{ file = "{folder}/key" }}
base_url = "{url}"
api = "native"
plaintext = "accept"
max_in_flight = {slots}
"""


@pytest.mark.slow  # 200 pictures are drawn
async def test_two_hundred_in_flight_on_the_emulator_outlive_ten_reloads(tmp_path):
    """None lost, none bought twice; a bad file changes nothing and says why."""
    (tmp_path / "key").write_text("sk-reload")
    path = tmp_path / "pixroute.toml"
    refused = 0

    async with Emulator(time_scale=0.02) as emulator:
        path.write_text(FILE.format(folder=tmp_path, url=emulator.http_url, slots=200))
        async with Router.from_toml(path) as router:
            asks = [asyncio.ensure_future(router.generate(f"picture {n}", size="1K")) for n in range(200)]
            for number in range(10):
                await asyncio.sleep(0.05)
                bad = number in (3, 7)
                path.write_text(
                    "nonsense = [" if bad else FILE.format(folder=tmp_path, url=emulator.http_url, slots=201 + number)
                )
                try:
                    await router.reload(path)
                except ConfigError:
                    refused += 1
                    assert bad
            results = await asyncio.gather(*asks)
        await emulator.idle()
        ledger = emulator.ledger

    assert refused == 2
    assert [result.provider for result in results] == ["banana"] * 200
    assert (ledger.received, ledger.finished, ledger.billed) == (200, 200, 200)
