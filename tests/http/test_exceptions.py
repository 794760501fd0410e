"""aiohttp's exceptions, read: the rows of upstreams §6.1 that no server on this machine can produce at will."""

import errno
import socket

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from pixroute.http.judging.diagnosis import Observation
from pixroute.http.judging.exceptions import ROWS, failure_of
from pixroute.http.wire.sockets import AddressRefused
from pixroute.outcome import Billing, FailureKind, Stage

KEY = ConnectionKey("api.example", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
K = FailureKind


def connector(error):
    return aiohttp.ClientConnectorError(KEY, error)


def payload(text):
    return aiohttp.ClientPayloadError(f"Response payload is not completed: <TransferEncodingError>. {text}")


CASES = [
    pytest.param(
        aiohttp.ClientOSError(errno.ETIMEDOUT, "x"), Stage.WAIT, K.DISCONNECTED, "died silently", id="keepalive"
    ),
    pytest.param(
        payload("TimeoutError(110, 'x')"), Stage.BODY, K.DISCONNECTED, "died silently", id="keepalive in a body"
    ),
    pytest.param(
        payload("ConnectionResetError(104, 'x')"), Stage.BODY, K.DISCONNECTED, "was reset", id="RST in a body"
    ),
    pytest.param(aiohttp.SocketTimeoutError("x"), Stage.WAIT, K.TIMEOUT, "No answer", id="sock_read"),
    pytest.param(TimeoutError(), Stage.WAIT, K.TIMEOUT, "No answer", id="total after sending"),
    pytest.param(TimeoutError(), Stage.CONNECT, K.CONNECT, "No connection", id="total while connecting"),
    pytest.param(aiohttp.ConnectionTimeoutError("x"), Stage.CONNECT, K.CONNECT, "No connection", id="connect"),
    pytest.param(connector(OSError()), Stage.CONNECT, K.CONNECT, "", id="connector without a number"),
    pytest.param(connector(ConnectionAbortedError("SSL handshake")), Stage.CONNECT, K.TLS, "TLS", id="handshake"),
    pytest.param(connector(AddressRefused("private")), Stage.CONNECT, K.CONNECT, "not private", id="refused by us"),
    pytest.param(
        aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "x")), Stage.CONNECT, K.CONNECT, "resolved", id="DNS"
    ),
    pytest.param(
        aiohttp.ClientConnectorDNSError(KEY, OSError(None, "x")), Stage.CONNECT, K.CONNECT, "resolved", id="aiodns"
    ),
    pytest.param(aiohttp.ClientConnectionResetError("x"), Stage.SEND, K.DISCONNECTED, "being sent", id="while sending"),
    pytest.param(aiohttp.ServerDisconnectedError(), Stage.CONNECT, K.CONNECT, "", id="closed before sending"),
    pytest.param(RuntimeError("x"), Stage.WAIT, K.UNKNOWN, "", id="unknown"),
]


@pytest.mark.parametrize(("error", "stage", "kind", "says"), CASES)
def test_each_is_of_its_kind(error, stage, kind, says):
    """Kind and sentence follow from type and stage; what was not sent is free, the rest may be billed."""
    failure = failure_of(error, Observation(stage=stage, elapsed=45.0))

    assert failure.kind is kind
    assert says in failure.message
    assert failure.billing is (Billing.FREE if stage is Stage.CONNECT else Billing.AMBIGUOUS)
    assert failure.timed_out is isinstance(error, TimeoutError)


def test_the_text_of_a_server_is_not_repeated():
    """A ServerDisconnectedError carries the whole head of an answer."""
    failure = failure_of(
        aiohttp.ServerDisconnectedError("Set-Cookie: s3cr3t"), Observation(stage=Stage.WAIT, elapsed=1)
    )

    assert "s3cr3t" not in str(failure)


def test_every_row_can_be_reached():
    """No row stands behind one that takes all it would."""
    kinds = [kind for kind, _ in ROWS]

    hidden = [later for at, later in enumerate(kinds) if any(issubclass(later, sooner) for sooner in kinds[:at])]

    assert hidden == []
