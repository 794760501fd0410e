"""A form, and an answer that is the picture itself."""

import pytest
from pixroute_stable import Stable, StableSettings

from pixroute.testing.conformance import BODY, KEY, MESSAGE, ProviderConformance, Refusal, Upstream


class TestStable(ProviderConformance):
    upstream = Upstream(
        healthy=BODY,
        error={"name": "trouble", "errors": [MESSAGE]},
        refusals={
            "flag": Refusal(body=BODY, headers={"finish-reason": "CONTENT_FILTERED"}),
            "error": Refusal(
                body={"name": "content_moderation", "errors": ["Denied; you were not charged."]},
                status=403,
                billed=False,
            ),
        },
    )

    @pytest.fixture
    def provider(self) -> Stable:
        return Stable("stable", StableSettings(api_key=KEY))
