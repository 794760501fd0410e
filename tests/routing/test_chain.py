from __future__ import annotations

import pytest

from pixroute import ImageRequest
from pixroute.testing import FakeProvider, fake_router


@pytest.mark.parametrize(("size", "expected"), [("4K", 7.0), ("2K", 300.0)])
async def test_a_provider_says_its_time_out_for_some_resolutions_only(size, expected):
    """What a provider's own table leaves out is the policy's."""
    async with fake_router(FakeProvider(attempt_timeout={"4K": 7.0})) as router:
        explanation = router.explain(ImageRequest("a lighthouse", size=size))

    assert explanation.providers[0].timeout == expected
