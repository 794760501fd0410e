"""What `pixroute check --online` asks a provider: one GET that costs nothing, on a connection like any other."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pixroute.config.walk import ConfigFinding, Level, Link
from pixroute.http.body.sinks import Sinks
from pixroute.http.call import Call, Reply
from pixroute.http.endpoint import Endpoint
from pixroute.http.judging.envelope import failure_from
from pixroute.http.judging.waits import who_waits
from pixroute.http.pace import MIB
from pixroute.http.provider import HttpProvider
from pixroute.http.transport import Transport
from pixroute.http.wire.exchange import Exchange
from pixroute.http.wire.outgoing import Outgoing, outgoing
from pixroute.http.wire.sockets import KeepAlive, tcp_options
from pixroute.http.wire.wire import Wire
from pixroute.outcome import Failure, FailureKind, Stage
from pixroute.policy import Policy
from pixroute.request import Resolution
from pixroute.secret import NoSecret
from pixroute.words import join

if TYPE_CHECKING:
    from aiohttp.connector import Connection

SOON = 14
"""Days before its end from which a certificate is warned of."""
REFUSED = {FailureKind.AUTH, FailureKind.FORBIDDEN, FailureKind.QUOTA}


@frozen(kw_only=True)
class SeenConnection:
    """What a connection showed of itself; `days` until its certificate ends, None without TLS."""

    address: str
    protocol: str
    days: float | None
    keep_alive: Mapping[str, int]


class _Seeing(Wire):
    """A wire that looks at its connection."""

    seen_of_it: SeenConnection | None = None

    def sending(self, connection: Connection, *, at_once: bool) -> None:
        super().sending(connection, at_once=at_once)
        if connection.transport is not None:
            self.seen_of_it = _look(connection.transport.get_extra_info)


async def probe(link: Link, policy: Policy, transport: Transport) -> list[ConfigFinding]:
    """Ask one provider, and tell what was found."""
    if not isinstance(link.provider, HttpProvider):
        return [ConfigFinding(level="note", path=link.path, message="does not speak HTTP, so there is nothing to ask")]
    provider = link.provider
    try:
        place = await provider.place()
    except NoSecret as error:
        return [ConfigFinding(level="error", path=join(link.path, "api_key"), message=f"cannot be used: {error}")]
    wire = _Seeing(pace=transport.pace, limit=MIB)
    with Sinks(None) as sinks:
        exchange = Exchange(wire=wire, endpoint=place, sinks=sinks, memory=transport.memory)
        request = _question(provider, place)
        connections = transport.connections(provider.endpoint.trust)
        reply = await exchange.run(connections, request, transport.proxy(request.url, provider.endpoint))
    found = list(_of_connection(link, wire.seen_of_it)) if wire.seen_of_it else []
    if isinstance(reply, Failure):
        message = f"{provider.endpoint.origin}: {reply.message}"
        return [*found, ConfigFinding(level="error", path=link.path, message=message, fix=reply.advice)]
    return [*found, _of_key(link, provider, reply), *_of_waits(link, policy, reply)]


def _question(provider: HttpProvider[Any], place: Endpoint) -> Outgoing:
    """Ask for the list of models with the key, or for nothing in particular without it."""
    if provider.models_path is not None:
        return outgoing(Call.get(provider.models_path), place, "pixroute-check")
    return Outgoing(method="GET", url=provider.endpoint.base_url, headers={"User-Agent": "pixroute"})


def _look(info: Any) -> SeenConnection:
    peer, sock = info("peername"), info("socket")
    certificate, tls = info("peercert"), info("ssl_object")
    ends = ssl.cert_time_to_seconds(certificate["notAfter"]) if certificate else None
    return SeenConnection(
        address=f"{peer[0]}:{peer[1]}",
        protocol=tls.version() if tls else "no TLS",
        days=None if ends is None else (ends - time.time()) / 86_400,
        keep_alive={name: sock.getsockopt(level, option) for name, (level, option, _) in _wanted().items()},
    )


def _of_connection(link: Link, seen: SeenConnection) -> Iterator[ConfigFinding]:
    days = "" if seen.days is None else f", certificate good for {seen.days:.0f} days"
    soon = seen.days is not None and seen.days < SOON
    wrong = {name: value for name, value in seen.keep_alive.items() if value != _wanted()[name][-1]}
    alive = "" if wrong else f", TCP keep-alive after {KeepAlive().idle} s of silence"
    yield ConfigFinding(
        level="warning" if soon else "note",
        path=link.path,
        message=f"reached at {seen.address}, {seen.protocol}{days}{alive}",
        fix="whoever runs the endpoint must renew its certificate" if soon else "",
    )
    if wrong:
        said = ", ".join(f"{name} {value}" for name, value in wrong.items())
        yield ConfigFinding(
            level="warning",
            path=link.path,
            message=f"the system does not keep its connections alive as asked: {said}",
            fix="a path that drops silent connections will look like a slow provider; try another system",
        )


def _wanted() -> Mapping[str, tuple[int, int, int]]:
    """Level, option and value by name."""
    tcp = {name: (socket.IPPROTO_TCP, *each) for name, each in tcp_options(KeepAlive()).items()}
    return {"SO_KEEPALIVE": (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), **tcp}


def _of_key(link: Link, provider: HttpProvider[Any], reply: Reply) -> ConfigFinding:
    path = join(link.path, "api_key")
    if provider.models_path is None:
        return ConfigFinding(level="note", path=path, message="no free call there can tell whether the key is accepted")
    if reply.ok:
        return _of_model(link, provider, reply) or ConfigFinding(level="note", path=path, message="the key is accepted")
    failure = failure_from(reply, stage=Stage.BODY, who=link.name, now=time.time())
    if reply.status in {404, 405}:
        message = f"whether the key is accepted cannot be told: there is no {provider.models_path} ({reply.status})"
        return ConfigFinding(level="note", path=path, message=message)
    level: Level = "error" if failure.kind in REFUSED else "warning"
    return ConfigFinding(level=level, path=path, message=provider.endpoint.redact(failure.message), fix=failure.advice)


def _of_model(link: Link, provider: HttpProvider[Any], reply: Reply) -> ConfigFinding | None:
    """Find a model that the endpoint does not list, where the answer is a list at all."""
    document = reply.json if isinstance(reply.json, Mapping) else {}
    entries = document.get("data") or document.get("models")
    listed = {
        str(entry.get("id") or entry.get("name")).removeprefix("models/")
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, Mapping)
    }
    if not listed or not provider.lists_model or provider.model in listed:
        return None
    return ConfigFinding(
        level="warning",
        path=join(link.path, "model"),
        message=f"the key is accepted, but {provider.model} is not among the {len(listed)} models it may use",
        fix="check its spelling and whether it was retired; some endpoints do not list all they serve",
    )


def _of_waits(link: Link, policy: Policy, reply: Reply) -> Iterator[ConfigFinding]:
    wait = who_waits(reply.headers)
    if wait is None:
        return
    anything: Resolution = "other"
    sent = max(link.sizes(policy), key=lambda size: link.usual(size, policy).p95, default=anything)
    usual, ours = link.usual(sent, policy), link.timeout(sent, policy)
    short = wait.seconds < usual.p95
    yield ConfigFinding(
        level="warning" if short and wait.fixed else "note",
        path=link.path,
        message=f"{wait.name} stands there, and by default cuts a silent request after {wait.seconds:g} s; "
        f"we wait {ours:g} s, and at {sent} half the answers take {usual.p50:g} s and more",
        fix=""
        if not short
        else "take a route without it"
        if wait.fixed
        else "have its time-out raised, if you see 504s",
    )
