"""Acme keeps the contract of providers, and is found once it is installed."""

import asyncio
import base64
from importlib.metadata import entry_points

import pytest
from pixroute_acme import Acme, AcmeSettings

from pixroute import Router, Size
from pixroute.http import Call
from pixroute.testing.conformance import KEY, MESSAGE, PICTURE, ProviderConformance, Upstream
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step


class TestAcme(ProviderConformance):
    upstream = Upstream(
        healthy={"drawings": [{"png": PICTURE}]},
        error={"error": {"message": MESSAGE}},
        refusal={"declined": "violence"},
        refusal_status=200,
    )

    @pytest.fixture
    def provider(self) -> Acme:
        return Acme("acme", AcmeSettings(api_key=KEY))

    def size_sent(self, call: Call) -> Size:
        width, height = call.json["canvas"]
        return Size.parse(f"{width}x{height}")


@pytest.mark.skipif(not entry_points(group="pixroute", name="acme"), reason="it is not installed: pip install .")
def test_it_is_found_and_routed() -> None:
    picture = base64.b64encode(blank_png(1360, 768)).decode()

    async def route() -> str:
        async with ScriptedServer(Step.json({"drawings": [{"png": picture}]})) as server:
            acme = {"type": "acme", "base_url": server.origin, "api_key": "any", "plaintext": "accept"}
            async with Router.from_mapping({"chains": {"default": ["acme"]}, "providers": {"acme": acme}}) as router:
                result = await router.generate("A lighthouse at dusk", size="1K 16:9")
                return f"{result.provider} {result.model} {result.image.width}x{result.image.height}"

    assert asyncio.run(route()) == "acme acme-1 1360x768"
