"""A job on a polling host, with everything that may befall it."""

import pytest
from pixroute_flux import Flux, FluxSettings

from pixroute.testing.conformance import KEY, MESSAGE, ORIGIN, PICTURE_URL, ProviderConformance, Refusal, Upstream


class TestFlux(ProviderConformance):
    upstream = Upstream(
        before=({"id": "1", "polling_url": f"{ORIGIN}/v1/get_result?id=1", "cost": 3}, {"status": "Pending"}),
        healthy={"status": "Ready", "result": {"sample": PICTURE_URL}},
        error={"detail": MESSAGE},
        refusals={"status": Refusal(body={"status": "Content Moderated"})},
        lost={"status": "Task not found"},
        job_origins=("https://api.eu1.bfl.ai",),
    )

    @pytest.fixture
    def provider(self) -> Flux:
        return Flux("flux", FluxSettings(api_key=KEY))
