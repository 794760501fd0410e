"""A small server for a service that has none: `/metrics`, from a thread of its own."""

from __future__ import annotations

import atexit
import errno
import logging
import os
from collections.abc import Callable
from threading import Thread
from wsgiref.simple_server import WSGIServer

from attrs import define
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

log = logging.getLogger("pixroute.prometheus")

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which several processes count together; it must be set before prometheus_client is imported."""


@define
class _Server:
    server: WSGIServer
    thread: Thread
    users: int = 0


_SERVERS: dict[tuple[str, int], _Server] = {}


def several_processes() -> bool:
    """Tell whether several processes count together."""
    return DIRECTORY in os.environ


def shown(registry: CollectorRegistry) -> CollectorRegistry:
    """Give the registry to show: of several processes, what their files hold together."""
    if not several_processes():
        return registry
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together


def forget_at_exit() -> None:
    """Take this process's gauges out when it ends; one that is killed is forgotten by the one that started it."""
    if several_processes():
        atexit.register(mark_process_dead, os.getpid())


def serve(host: str, port: int, registry: CollectorRegistry) -> Callable[[], None]:
    """Show a registry at `http://host:port/metrics`; gives what ends that. Who asks for the same place shares it.

    Of several processes, the first to come serves all.

    Raises:
        ValueError: nobody can listen there.
    """
    place = (host, port)
    if place not in _SERVERS:
        try:
            server, thread = start_http_server(port, host, registry=shown(registry))
        except OSError as error:
            if error.errno == errno.EADDRINUSE and several_processes():
                log.info("port %d is served by another process", port, extra={"host": host, "port": port})
                return _nothing
            raise ValueError(f"port: nobody can listen at {host}:{port}: {error.strerror}") from error
        _SERVERS[place] = _Server(server, thread)
    _SERVERS[place].users += 1
    return lambda: _leave(place)


def _nothing() -> None:
    pass


def _leave(place: tuple[str, int]) -> None:
    found = _SERVERS[place]
    found.users -= 1
    if found.users == 0:
        del _SERVERS[place]
        found.server.shutdown()
        found.thread.join()
        found.server.server_close()
