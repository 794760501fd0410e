"""What the generated pages say that no class does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixroute import errors
from pixroute.latency import Latency
from pixroute.outcome import Billing, FailureKind, Next, QuickRetry
from pixroute.provider import Price
from pixroute.secret import Secret

_K = FailureKind
KINDS: Mapping[FailureKind, tuple[str, str]] = {
    _K.CONNECT: (
        "No connection: name not found, refused, or nobody answered within `connect_timeout`.",
        "Check DNS, firewall and `base_url`.",
    ),
    _K.TLS: (
        "The handshake or the certificate failed.",
        "Check the clock, `ca_file`, and that `https://` does not point at a plain port.",
    ),
    _K.DISCONNECTED: (
        "Sent, then cut: reset, closed, or half an answer.",
        "Look for the NAT, VPN or gateway that cuts: a failure at a round number of seconds is theirs.",
    ),
    _K.PROXY_CUT: (
        "An intermediary's own page (502, 503, 504, 52x) instead of the provider's answer.",
        "Raise the time-out of the proxy that the message names, or go round it.",
    ),
    _K.PROTOCOL: (
        "What came is not an HTTP answer that can be followed: bad headers, a redirect.",
        "Check `base_url`: scheme, port, path.",
    ),
    _K.TIMEOUT: (
        "No complete answer in time, or sending or the body stood still.",
        "See [time-outs](timeouts.md); ask the provider about the request id, for it may be billed.",
    ),
    _K.OVERLOADED: (
        "The provider, or the model behind it, has no capacity.",
        "Nothing is wrong on your side; have a fallback on another upstream.",
    ),
    _K.RATE_LIMITED: (
        "Too many requests for this account or model.",
        "Set `max_in_flight`, or ask for a higher limit.",
    ),
    _K.SERVER_ERROR: (
        "The provider's own error.",
        "Wait; report it with the request id if it stays.",
    ),
    _K.QUOTA: ("No money, or no quota left.", "Top up, or wait for the reset."),
    _K.AUTH: (
        "The key is not valid.",
        "Replace the key; a changed file or variable counts at once.",
    ),
    _K.FORBIDDEN: (
        "The key may not use this model.",
        "Grant it, or use another model.",
    ),
    _K.MODEL_GONE: (
        "There is no such model at this route.",
        "Change `model` or `api`; the message says which.",
    ),
    _K.INVALID: ("The request itself is refused as wrong.", "Change the request."),
    _K.MODERATED: (
        "The content is refused, in an error or inside a 200.",
        'Change the prompt, or set `on_moderated = "next"`.',
    ),
    _K.EMPTY: (
        "200 without a picture and without a refusal.",
        "Check `base_url` and `model` if it stays.",
    ),
    _K.BAD_IMAGE: (
        "What came is not a whole picture, is too large, or its URL could not be fetched.",
        "If `attempt.failure.url` is set, fetch it: it is paid for.",
    ),
    _K.UNDERSIZED: (
        "A picture, with fewer pixels than asked for.",
        "Follow the advice in the message; the picture is in `error.images`.",
    ),
    _K.SKIPPED: (
        "Not sent, by our decision; the reason stands beside it.",
        "`pixroute explain` shows it before anything is sent.",
    ),
    _K.CANCELLED: (
        "The caller went away, or another attempt won.",
        "Pass `timeout=` instead of wrapping the call.",
    ),
    _K.UNKNOWN: (
        "A plugin raised, or something that no row names.",
        "Report it to the plugin's author.",
    ),
}
"""What happened, and what to do about it."""

EXCEPTIONS: Mapping[type[Exception], str] = {
    errors.AllProvidersFailed: "Try again after `retry_after` if `retryable`.",
    errors.BudgetExceeded: "Raise `max_cost`, `max_possibly_billed`, or add a cheaper provider.",
    errors.ConfigError: "Correct what `problems` lists.",
    errors.DeadlineInfeasible: "Give more time, ask for fewer pixels, or add a faster provider.",
    errors.InternalError: "Report it, with its cause; `images` holds what was paid for.",
    errors.InvalidRequest: "Change the request, or add a provider that can serve it.",
    errors.Moderated: "Change the prompt.",
    errors.PluginError: "Repair or remove the plugin it names.",
    errors.ShuttingDown: "Send it to another process; `cost` tells what may be billed.",
}
"""What to do about each."""

NEXT: Mapping[Next, str] = {
    Next.IN_ORDER: "the next in the chain",
    Next.OTHER_UPSTREAMS_FIRST: "another upstream first",
    Next.OTHER_ACCOUNTS: "another account only",
    Next.NOT_SIBLINGS: "the next in the chain on another upstream",
    Next.OTHER_CAPABILITIES: "only a provider that can do other things",
    Next.AS_POLICY_SAYS: "nobody, unless `on_moderated` says next",
    Next.NONE: "nobody",
}

RETRIES: Mapping[QuickRetry, str] = {
    QuickRetry.NEVER: "",
    QuickRetry.UNLESS_TIMED_OUT: "the same once more, unless connecting timed out; then ",
    QuickRetry.WITHOUT_HINT: "the same once more, unless told to wait; then ",
    QuickRetry.SOON_WITHOUT_HINT: "the same once more if this came within 10 s, unless told to wait; then ",
    QuickRetry.OTHER_ROUTE: "the same once more by its other route; then ",
    QuickRetry.IF_ALLOWED: "the same once more with `retry.on_timeout = true`, else ",
}

BILLED: Mapping[Billing, str] = {
    Billing.FREE: "no",
    Billing.BILLED: "yes",
    Billing.AMBIGUOUS: "perhaps: counted at its full price",
}

WRITTEN: Mapping[Any, str] = {
    Path: "a path",
    Secret: '`{ env = "NAME" }` or `{ file = "/path" }`',
    Price: 'a table: `{ 4K = "0.09", currency = "USD" }`',
    Latency: "a table of P50, P95, P99: `{ 4K = [120, 170, 250] }`",
}
"""What the words of error messages call only a table."""
