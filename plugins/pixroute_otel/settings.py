"""What `[observers.otel]` may say."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class OtelSettings:
    """`[observers.otel]`: where spans and metrics go is the SDK's affair.

    Args:
        tags: names of the caller's tags that are put on spans and on the counter of requests; a tag's first 100 values
            are told apart in metrics.
        messages: put the sentence of a failure on its span; it may quote what the provider said.
        urls: put the URL of a picture that was paid for and not fetched on its attempt's span.
        usage_cost: add `gen_ai.usage.cost.*`, which is a proposal to the conventions, to the request's span.
    """

    tags: tuple[str, ...] = ()
    messages: bool = False
    urls: bool = False
    usage_cost: bool = False
