"""Whether a provider keeps its contract: a test file of a provider is one subclass and one fixture.

    class TestAcme(ProviderConformance):
        upstream = Upstream(healthy={"picture": PICTURE})

        @pytest.fixture
        def provider(self) -> Acme:
            return Acme("acme", AcmeSettings(api_key=KEY))

Needs pytest and no plugin of it; with Hypothesis installed, `decode` and its kin are tried on more answers.
"""

from pixroute.testing.conformance.kit import ProviderConformance
from pixroute.testing.conformance.upstream import (
    BODY,
    KEY,
    MESSAGE,
    ORIGIN,
    PICTURE,
    PICTURE_URL,
    Refusal,
    Upstream,
)

__all__ = ["BODY", "KEY", "MESSAGE", "ORIGIN", "PICTURE", "PICTURE_URL", "ProviderConformance", "Refusal", "Upstream"]
