"""pixroute makes an image through the first provider that can deliver it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixroute.errors import (
        AllProvidersFailed,
        BudgetExceeded,
        ConfigError,
        DeadlineInfeasible,
        InvalidRequest,
        Moderated,
        PixrouteError,
        RequestFailed,
        ShuttingDown,
    )
    from pixroute.hookspecs import hookimpl
    from pixroute.http import HttpProvider, HttpSettings
    from pixroute.latency import Latency, Quantiles
    from pixroute.outcome import Billing, Failure, FailureKind, Stage
    from pixroute.policy import Policy
    from pixroute.provider import Capabilities, ObserverSpec, Price, Provider, ProviderSettings, ProviderSpec
    from pixroute.request import ImageRequest, Reference, Size
    from pixroute.result import ImageResult
    from pixroute.routing.router import Router

_HOME = {
    "AllProvidersFailed": "errors",
    "Billing": "outcome",
    "BudgetExceeded": "errors",
    "Capabilities": "provider",
    "ConfigError": "errors",
    "DeadlineInfeasible": "errors",
    "Failure": "outcome",
    "FailureKind": "outcome",
    "HttpProvider": "http",
    "HttpSettings": "http",
    "ImageRequest": "request",
    "ImageResult": "result",
    "InvalidRequest": "errors",
    "Latency": "latency",
    "Moderated": "errors",
    "ObserverSpec": "provider",
    "PixrouteError": "errors",
    "Policy": "policy",
    "Price": "provider",
    "Provider": "provider",
    "ProviderSettings": "provider",
    "ProviderSpec": "provider",
    "Quantiles": "latency",
    "Reference": "request",
    "RequestFailed": "errors",
    "Router": "routing.router",
    "ShuttingDown": "errors",
    "Size": "request",
    "Stage": "outcome",
    "hookimpl": "hookspecs",
}

__all__ = [
    "AllProvidersFailed",
    "Billing",
    "BudgetExceeded",
    "Capabilities",
    "ConfigError",
    "DeadlineInfeasible",
    "Failure",
    "FailureKind",
    "HttpProvider",
    "HttpSettings",
    "ImageRequest",
    "ImageResult",
    "InvalidRequest",
    "Latency",
    "Moderated",
    "ObserverSpec",
    "PixrouteError",
    "Policy",
    "Price",
    "Provider",
    "ProviderSettings",
    "ProviderSpec",
    "Quantiles",
    "Reference",
    "RequestFailed",
    "Router",
    "ShuttingDown",
    "Size",
    "Stage",
    "hookimpl",
]


def __getattr__(name: str) -> object:
    """Reach each name when it is first used, so that importing pixroute stays cheap."""
    if name not in _HOME:
        raise AttributeError(f"module 'pixroute' has no attribute {name!r}")
    return getattr(import_module(f"pixroute.{_HOME[name]}"), name)
