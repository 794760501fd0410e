"""What `[observers.prometheus]` may say."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class PrometheusSettings:
    """`[observers.prometheus]`.

    Args:
        port: show the metrics at `http://host:port/metrics`; None: the service shows the registry itself.
        host: where the server listens; the default is this machine alone.
        tags: names of the caller's tags that become labels of `pixroute_requests_total`; each keeps 100 values.
    """

    port: int | None = None
    host: str = "127.0.0.1"
    tags: tuple[str, ...] = ()
