"""How slow a connection may be, and how much may come over it."""

from attrs import frozen

from pixroute.http.body.limits import BodyLimits

MIB = 1024**2
PER_PICTURE = 64 * MIB
"""Bytes of an answer's body for each picture asked."""
LARGEST = BodyLimits().decoded
"""Bytes of one decoded picture."""


@frozen(kw_only=True)
class Pace:
    """How slow a connection may be before it is cut; the answer itself is waited for as long as the attempt lasts.

    Args:
        connect: seconds for name, TCP and TLS together.
        send_idle: seconds without progress while sending.
        body_idle: seconds without a byte of the answer's body.
        slowest: bytes per second, on average, that a body must come with after its first `grace` seconds.
        fetch: seconds for a picture that lies at a URL, altogether, as many again for all tried in place of others; and
            for a poll that does not come through.
        fetch_pause: seconds before such a URL is asked again; every further pause is twice as long.
        first_poll, longest_poll: seconds between polls of a job, at first and at last.
    """

    connect: float = 10.0
    send_idle: float = 30.0
    body_idle: float = 30.0
    slowest: int = 64 * 1024
    grace: float = 10.0
    fetch: float = 60.0
    fetch_pause: float = 1.0
    first_poll: float = 0.5
    longest_poll: float = 5.0
