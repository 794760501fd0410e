"""Upstreams, one a file: each is a `Service`, written from its facts and sharing no code with the library's own."""

from pixroute.testing.emulator.services.fal import FAL
from pixroute.testing.emulator.services.openrouter import OPENROUTER
from pixroute.testing.emulator.services.service import JobDialect, Service

SERVICES: tuple[Service, ...] = (OPENROUTER, FAL)
BY_NAME = {service.name: service for service in SERVICES}

__all__ = ["BY_NAME", "SERVICES", "JobDialect", "Service"]
