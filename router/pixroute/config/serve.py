"""The gateway's own table of a configuration, `[serve]`."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from attrs import field, frozen

from pixroute.secret import Secret
from pixroute.values import Above0, Count, CountFrom0, Form, From0, Mistake, Range, as_table, check

MIB = 1 << 20
Port = Annotated[int, Range(0, 65_535)]
Origin = Annotated[str, Form(r"https?://[^\s/?#@]+", "an origin such as https://app.example")]
Network = Annotated[str, Form(r"[0-9a-fA-F.:]+(/\d{1,3})?", "an address or a network such as 10.0.0.0/8")]
BaseUrl = Annotated[str, Form(r"https?://[^\s?#]+", "an http:// or https:// URL without a query")]
Bucket = Annotated[str, Form(r"[a-z0-9]+://[^\s?#@]*", "a URL of a bucket, such as s3://pictures/made")]
Heartbeat = Literal["auto", "stream-only", "off"]
NEVER_EXTRA = frozenset(
    [
        "api_key", "aspect_ratio", "base_url", "callback", "callback_url", "count", "fallbacks",
        "guidance_urls", "headers", "height", "image", "image_url", "image_urls", "images",
        "input_fidelity", "mask", "max_cost", "max_images", "max_tokens", "model", "models",
        "moderation", "n", "negative_prompt", "notify_url", "num_images", "number", "prompt",
        "provider", "quality", "resolution", "response_format", "safety", "safety_checker",
        "safety_settings", "safety_tolerance", "samples", "sequential_image_generation",
        "sequential_image_generation_options", "service_tier", "size", "stream", "tier", "url",
        "urls", "webhook", "webhook_url", "width",
    ]
)  # fmt: skip
"""Fields of a caller that never go on as they are: about number, size, model, money, URLs or safety."""


def _extra(names: Any) -> Any:
    if isinstance(names, list | tuple):
        for name in names:
            if isinstance(name, str) and forbidden(name):
                raise Mistake(f"names {name!r}, which is about number, size, model, money, URLs or safety", "extra")
        return tuple(names)
    return names


def _letters(name: str) -> str:
    """Give a name without what tells `num_images`, `numImages` and `num-images[]` apart."""
    return "".join(one for one in name.lower() if one.isalnum())


_NEVER = frozenset(map(_letters, NEVER_EXTRA))


def forbidden(name: str) -> bool:
    """Tell whether a caller's field never goes on, however it is spelt."""
    plain = _letters(name)
    return plain in _NEVER or any(word in plain for word in ("url", "safety", "moderation", "webhook", "callback"))


@frozen(kw_only=True)
class ServeSettings:
    """How `pixroute serve` listens, whom it lets in and what it sends.

    Args:
        host: address to listen on; without `keys` one of this machine's own loopback addresses.
        port: 0 takes a free one.
        processes: how many `pixroute serve` starts, each with its share of the connections; more than 1 need
            `[shared]`.
        reuse_port: whether processes that were started one by one may listen on the port together.
        tls_cert, tls_key: files in PEM form, given together; without them the port is plain HTTP.
        models: names that callers give as `model`, each with the chain or provider it means.
        keys: file of API keys, written by `pixroute keys`; without it nobody needs one, and only this machine may ask.
        shared_keys: whether the API keys lie in the store of `[shared]` instead, written by `pixroute keys`.
        key_budgets: names of `[budgets]` that pay for requests of those keys alone that name them.
        proxies: addresses or networks of proxies in front, whose `X-Forwarded-For` the access log believes.
        origins: origins of web pages that may ask (CORS).
        heartbeat: "auto" keeps every waiting answer alive, "stream-only" streams alone, "off" none: then every status
            is true, and proxies cut what is slow.
        quiet_for: seconds in which a plain answer still has a true status.
        heartbeat_every: seconds between two signs of life.
        timeout: seconds for a request, as the router's; None leaves it to the policy.
        max_body: bytes of a request's body.
        max_references: reference pictures of a request.
        max_requests: requests that are worked on at once; more are refused with 429.
        body_timeout: seconds within which a request's body must have come.
        reference_urls: whether reference pictures may be URLs: "public" fetches them from public addresses over https.
        extra: names of a caller's unknown fields that go on to providers as they are.
        repeats: most answers that are kept for a repeated `Idempotency-Key`, for 24 h.
        repeat_bytes: most bytes of pictures that are kept for it.
        repeats_file: SQLite file, of all processes of this machine, in which it is kept what was begun under an
            `Idempotency-Key`; `[shared]` keeps it in its store instead. Without either a crash forgets what may have
            been billed.
        public_url: how callers reach this server, for the links it gives; None: by the address it listens on. The Host
            header is never believed.
        store: folder of the pictures that are given as URLs; without it and `bucket` `response_format = "url"` is
            refused.
        bucket: URL of a bucket and a prefix for them instead, such as `s3://pictures/made`, `gs://…` or `az://…` (extra
            `buckets`); who may enter it the environment says, as for the cloud's own tools.
        signing_key: signs those URLs; the same in all processes.
        url_lifetime: seconds for which such a URL is good, and for which its picture is kept at least.
        drain: seconds that requests in flight have to end after SIGTERM.
        grace: seconds for which it still listens after SIGTERM, if only to say 503, so that whoever asks `/readyz`
            sends nobody here any more.
        access_log: whether every request is logged.
    """

    host: str = "127.0.0.1"
    port: Port = 8080
    processes: Count = 1
    reuse_port: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    models: Mapping[str, str] = field(factory=dict, converter=as_table)
    keys: Path | None = None
    shared_keys: bool = False
    key_budgets: tuple[str, ...] = ()
    proxies: tuple[Network, ...] = ()
    origins: tuple[Origin, ...] = ()
    heartbeat: Heartbeat = "auto"
    quiet_for: From0 = 20.0
    heartbeat_every: Above0 = 15.0
    timeout: Above0 | None = None
    max_body: Count = 64 * MIB
    max_references: CountFrom0 = 16
    max_requests: Count = 4096
    body_timeout: Above0 = 60.0
    reference_urls: Literal["refuse", "public"] = "refuse"
    extra: tuple[str, ...] = field(default=(), converter=_extra)
    repeats: Count = 1000
    repeat_bytes: CountFrom0 = 256 * MIB
    repeats_file: Path | None = None
    public_url: BaseUrl | None = None
    store: Path | None = None
    bucket: Bucket | None = None
    signing_key: Secret | None = None
    url_lifetime: Above0 = 3600.0
    drain: From0 = 30.0
    grace: From0 = 0.0
    access_log: bool = True

    @property
    def asks_for_keys(self) -> bool:
        """Whether nobody may ask without an API key."""
        return self.shared_keys or self.keys is not None

    def __attrs_post_init__(self) -> None:
        check(self)
        if self.shared_keys and self.keys is not None:
            raise Mistake("is a file, and shared_keys keeps them in the store: say one of both", "keys")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise Mistake("and tls_key are given together", "tls_cert")
        if self.store is not None and self.bucket is not None:
            raise Mistake("and bucket are two places for the same pictures: say one of both", "store")
        for name in ("store", "bucket"):
            if getattr(self, name) is not None and self.signing_key is None:
                raise Mistake("needs a signing_key, which signs the URLs of its pictures", name)
        for at, network in enumerate(self.proxies):
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError as error:
                raise Mistake(f"is no address or network: {error}", f"proxies[{at}]") from None
