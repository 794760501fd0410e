"""Sockets that notice a dead path, and that refuse an address before a byte goes there."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

from attrs import frozen

from pixroute.system import keep_alive_options

Reach = Literal["any", "private", "public"]
"""Which addresses may be connected to."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]


@frozen(kw_only=True)
class KeepAlive:
    """How a silent connection is asked whether it still lives (upstreams §7).

    Args:
        idle: seconds of silence before the first question.
        interval: seconds between questions.
        count: questions without an answer that end it; on Linux `user_timeout` decides instead.
        user_timeout: seconds that anything sent may stay unacknowledged; None leaves it to the system.
    """

    idle: int = 30
    interval: int = 10
    count: int = 6
    user_timeout: int | None = 90


class AddressRefused(OSError):
    """An address that this connection may not go to; always the same text, so that several of them are one."""

    def __init__(self, reach: Reach) -> None:
        super().__init__(errno.EACCES, f"its address is not {reach}")


def admits(reach: Reach, address: str) -> bool:
    """Tell whether an IP address may be connected to; loopback and link-local count as private."""
    if reach == "any":
        return True
    ip = _embedded(ipaddress.ip_address(address.partition("%")[0]))
    if reach == "public":
        return ip.is_global and not ip.is_multicast
    return ip.is_private and not ip.is_unspecified


def _embedded(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Give the IPv4 address inside an IPv6 one, where it is only another way to write it or to get there."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    return ip.ipv4_mapped or ip.sixtofour or (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip)


def socket_factory(keep_alive: KeepAlive, reach: Reach) -> Callable[[AddressInfo], socket.socket]:
    """Make the factory that aiohttp calls once for each address it tries, literals and resolved names alike.

    Raises (when called):
        AddressRefused: the address is out of reach.
    """
    options = tcp_options(keep_alive)

    def create(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, address = info
        if not admits(reach, address[0]):
            raise AddressRefused(reach)
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in options.values():
            with suppress(OSError):  # an old Windows knows the name and not the option
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
        return sock

    return create


def tcp_options(keep_alive: KeepAlive) -> dict[str, tuple[int, int]]:
    """Give the options of a kept-alive connection that the system has, by name: the option and its value."""
    return keep_alive_options(
        idle=keep_alive.idle,
        interval=keep_alive.interval,
        count=keep_alive.count,
        unacknowledged=keep_alive.user_timeout,
    )
