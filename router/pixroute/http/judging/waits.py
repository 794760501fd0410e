"""How long those who stand before a provider wait for an answer, and how a healthy answer names them (upstreams §6)."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen(kw_only=True)
class HopWait:
    """An intermediary that ends a silent request.

    Args:
        name: for people.
        headers: any of these gives it away: a name with a part of its value, in lower case.
        seconds: of silence, by default.
        fixed: whether an ordinary customer cannot lengthen it.
    """

    name: str
    headers: tuple[tuple[str, str], ...]
    seconds: float
    fixed: bool = False


WAITS: tuple[HopWait, ...] = (
    HopWait(name="Cloudflare", headers=(("server", "cloudflare"), ("cf-ray", "")), seconds=120, fixed=True),
    HopWait(name="AWS API Gateway", headers=(("x-amz-apigw-id", ""),), seconds=29, fixed=True),
    HopWait(name="Heroku's router", headers=(("server", "heroku"), ("via", "vegur")), seconds=30, fixed=True),
    HopWait(name="CloudFront", headers=(("server", "cloudfront"), ("x-amz-cf-id", "")), seconds=30),
    HopWait(name="An AWS load balancer", headers=(("server", "awselb"),), seconds=60),
    HopWait(name="Google's load balancer", headers=(("via", "1.1 google"),), seconds=30),
    HopWait(name="Envoy", headers=(("server", "envoy"),), seconds=30),
    HopWait(name="nginx", headers=(("server", "nginx"), ("server", "openresty"), ("server", "tengine")), seconds=60),
)
"""Those in front come first, for they wait the shortest. HAProxy and layer-4 devices give no sign of themselves."""


def who_waits(headers: Mapping[str, str]) -> HopWait | None:
    """Recognise the first that stamped an answer; header names are in lower case."""
    for wait in WAITS:
        if any(name in headers and part in headers[name].lower() for name, part in wait.headers):
            return wait
    return None
