"""The class that authors subclass: its attributes are all that they may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest

from pixroute.http.call import Call
from pixroute.outcome import FailureKind
from pixroute.provider import Provider
from pixroute.request import Size
from pixroute.testing.conformance.faults import FaultChecks
from pixroute.testing.conformance.forms import FormChecks
from pixroute.testing.conformance.jobs import JobChecks
from pixroute.testing.conformance.keys import KeyChecks
from pixroute.testing.conformance.promises import PromiseChecks
from pixroute.testing.conformance.reading import ReadingChecks
from pixroute.testing.conformance.refusals import RefusalChecks
from pixroute.testing.conformance.upstream import Upstream
from pixroute.testing.conformance.wire import WireChecks
from pixroute.testing.conformance.words import size_in
from pixroute.testing.conformance.writing import WritingChecks


class ProviderConformance(
    FaultChecks,
    FormChecks,
    KeyChecks,
    RefusalChecks,
    JobChecks,
    WireChecks,
    ReadingChecks,
    WritingChecks,
    PromiseChecks,
):  # run from the last
    """Tests of one provider; subclass it under a name that begins with `Test` and give the fixture `provider`.

    What is asked of HTTP providers alone is skipped for others.

    Attributes:
        upstream: how the upstream answers; without it nothing that needs a good answer is tested.
        errors: what an error answer with that status, in the words of `upstream.error`, must count as.
        supports_references: false leaves out the tests of reference pictures.
        supports_sizes: false leaves out the tests of the size sent.
        supports_running: false leaves out whatever would make a picture on this machine (not HTTP only).
    """

    upstream: ClassVar[Upstream | None] = None
    errors: ClassVar[Mapping[int, FailureKind]] = {
        400: FailureKind.INVALID,
        401: FailureKind.AUTH,
        402: FailureKind.QUOTA,
        403: FailureKind.FORBIDDEN,
        404: FailureKind.MODEL_GONE,
        429: FailureKind.RATE_LIMITED,
        500: FailureKind.SERVER_ERROR,
        503: FailureKind.OVERLOADED,
    }
    supports_references: ClassVar[bool] = True
    supports_sizes: ClassVar[bool] = True
    supports_running: ClassVar[bool] = True

    @pytest.fixture
    def provider(self) -> Provider:
        """Give the provider under test; its address and key do not matter, the kit puts its own in their place."""
        raise NotImplementedError("give your class a fixture `provider` that returns the provider under test")

    def size_sent(self, call: Call) -> Size | None:
        """Find the size in a call; override it for a dialect that says sizes in words of its own."""
        return size_in(call)
