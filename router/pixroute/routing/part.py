"""A request and its parts: what is asked of whom, within which limits."""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from pixroute.content import Owner
from pixroute.policy import Policy
from pixroute.request import ImageRequest
from pixroute.routing.budget import RequestBudget
from pixroute.routing.chain import Chain, PreparedProvider
from pixroute.routing.record import Drawn


@frozen(kw_only=True)
class WholeRequest:
    """A request as it was asked, and what holds for all its parts.

    Args:
        request_id: its id.
        chain: whose providers are asked.
        asked: what is asked, its reference pictures read.
        policy: with what the request itself said.
        began: the loop's time at which it began.
        timeout: seconds for the whole request, as its caller said; None leaves them to the planner.
        budget: money, shared by all parts.
        into: the file that the picture is written to.
        owner: of every picture that comes, until it is delivered.
        drawn: who of each group came first, once that is drawn.
    """

    request_id: str
    chain: Chain
    asked: ImageRequest
    policy: Policy
    began: float
    timeout: float | None
    budget: RequestBudget
    into: Path | None = None
    owner: Owner = field(factory=Owner)
    drawn: list[Drawn] = field(factory=list)


@frozen(kw_only=True)
class RequestPart:
    """A part of a request, as it is driven: a request for more pictures than a provider makes at once has several.

    Args:
        whole: the request.
        number: counts from 0.
        request: what this part asks for.
        prepared_providers: the chain's providers, prepared for it, in order.
    """

    whole: WholeRequest
    number: int = 0
    request: ImageRequest
    prepared_providers: tuple[PreparedProvider, ...]


@frozen(kw_only=True)
class AttemptPlace:
    """Where in its request an attempt stands.

    `number` counts from 1 within the part, `part` and `round` from 0; `index` is its provider's place in the chain.
    """

    part: int = 0
    number: int = 1
    round: int = 0
    index: int = 0
    retry: bool = False
    hedge: bool = False

    @property
    def fell_back(self) -> bool:
        """Whether its provider is not the chain's first."""
        return self.index > 0


FIRST = AttemptPlace()
