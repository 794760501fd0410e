"""What a caller is told instead of pictures: one value, made of a refusal at the door or of what the router raised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from attrs import frozen

from pixroute import errors
from pixroute.cost import Cost
from pixroute.outcome import FailureKind
from pixroute.values import Mistake

INVALID, NOT_ALLOWED, TOO_MANY, SERVER = (
    "invalid_request_error",
    "authentication_error",
    "rate_limit_error",
    "api_error",
)
"""OpenAI's types of errors."""


@frozen(kw_only=True)
class GatewayProblem:
    """Why there is no picture.

    Args:
        status: of HTTP, if the head of the answer is not on its way already.
        message: for a person.
        kind: ours, such as "overloaded"; stands in `code` too, where OpenAI has no word of its own.
        type: OpenAI's.
        code: OpenAI's word for it.
        param: the field that is wrong.
        retry_after: seconds.
        again: whether a client may simply ask again; False after anything that may be billed.
        cost, request_id: of the router's request, where one began.
        headers: beside those that follow from the rest.
    """

    status: int
    message: str
    kind: str
    type: str = INVALID
    code: str | None = None
    param: str | None = None
    retry_after: float | None = None
    again: bool = False
    cost: Cost | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = {}

    def all_headers(self) -> dict[str, str]:
        """Give the headers of the answer; `x-should-retry` is obeyed by OpenAI's clients."""
        found = dict(self.headers)
        if not self.again:
            found["x-should-retry"] = "false"
        if self.retry_after is not None:
            found["Retry-After"] = str(max(1, round(self.retry_after)))
        return found | described(self.cost, self.request_id)

    def envelope(self) -> dict[str, Any]:
        """Give OpenAI's envelope with our kind."""
        told: dict[str, Any] = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code or self.kind,
            "kind": self.kind,
            "may_be_billed": spends(self.cost),
        }
        if self.request_id:
            told["request_id"] = self.request_id
        if self.cost is not None:
            told["cost"] = money(self.cost)
        return {"error": told}


class Refused(Exception):
    """A request that never reached the router."""

    def __init__(self, problem: GatewayProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def bad(message: str, param: str | None = None, *, status: int = 400, kind: str = "invalid") -> Refused:
    """Make the refusal of a request that cannot be read."""
    return Refused(GatewayProblem(status=status, message=message, kind=kind, param=param))


def described(cost: Cost | None, request_id: str | None) -> dict[str, str]:
    """Give the headers that tell of money and of the request."""
    found: dict[str, str] = {}
    if request_id:
        found |= {"x-pixroute-request-id": request_id, "x-request-id": request_id}
    if cost is not None:
        found["x-pixroute-cost"] = str(cost)
    return found


def money(cost: Cost) -> dict[str, str | None]:
    """Give a cost as JSON: exact amounts as text, None where one is unknown."""
    return {
        "certain": None if cost.certain is None else str(cost.certain),
        "possible": None if cost.possible is None else str(cost.possible),
        "currency": cost.currency,
    }


def spends(cost: Cost | None) -> bool:
    """Tell whether anything was or may have been spent; what is unknown may."""
    return cost is not None and (cost.certain, cost.possible) != (Decimal(0), Decimal(0))


def problem_of(error: BaseException) -> GatewayProblem:
    """Give what a caller is told of what the router raised."""
    if isinstance(error, errors.RequestFailed):
        return _of_request(error)
    if isinstance(error, errors.ShuttingDown):
        return GatewayProblem(
            status=503,
            message="The server is shutting down.",
            kind="shutting_down",
            type=SERVER,
            retry_after=5,
            again=not spends(error.cost),
            cost=error.cost,
            request_id=error.record.request_id if error.record else None,
        )
    if isinstance(error, ValueError):
        path = error.path if isinstance(error, Mistake) else ""
        picture = "image" if str(error).startswith("reference picture") else None
        return GatewayProblem(status=400, message=str(error), kind="invalid", param=path or picture)
    return GatewayProblem(status=500, message="A bug in the gateway; its log has more.", kind="internal", type=SERVER)


def _of_request(error: errors.RequestFailed) -> GatewayProblem:
    status, kind, type_, code = _ROWS[type(error)](error)
    billed = spends(error.cost)
    return GatewayProblem(
        status=status,
        message=str(error).partition("\n")[0],
        kind=kind,
        type=type_,
        code=code,
        retry_after=error.retry_after if error.retryable else None,
        again=error.retryable and not billed,
        cost=error.cost,
        request_id=error.record.request_id,
    )


_Row = tuple[int, str, str, str | None]
_STATUS: Mapping[FailureKind, int] = {
    FailureKind.RATE_LIMITED: 429,
    FailureKind.OVERLOADED: 503,
    FailureKind.QUOTA: 503,
    FailureKind.AUTH: 503,
    FailureKind.TIMEOUT: 504,
    FailureKind.INVALID: 400,
}
"""Of a request whose last attempt failed so; else 502. A provider's 401 is never the caller's."""


def _all_failed(error: errors.RequestFailed) -> _Row:
    attempts = error.record.attempts
    kind = attempts[-1].kind if attempts else None
    if kind is None:
        return 503, "unavailable", SERVER, None
    status = _STATUS.get(kind, 502)
    return status, kind.value, INVALID if status == 400 else TOO_MANY if status == 429 else SERVER, None


_ROWS: Mapping[type[errors.RequestFailed], Callable[[errors.RequestFailed], _Row]] = {
    errors.AllProvidersFailed: _all_failed,
    errors.RequestFailed: _all_failed,
    errors.Moderated: lambda _: (400, "moderated", "image_generation_user_error", "moderation_blocked"),
    errors.InvalidRequest: lambda _: (400, "invalid", INVALID, None),
    errors.DeadlineInfeasible: lambda _: (504, "deadline", SERVER, None),
    errors.BudgetExceeded: lambda _: (402, "budget_exceeded", INVALID, None),
    errors.InternalError: lambda _: (500, "internal", SERVER, None),
}
