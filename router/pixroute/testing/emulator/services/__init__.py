"""Upstreams, one a file: each is a `Service`, written from its facts and sharing no code with the library's own."""

from pixroute.testing.emulator.services.azure import AZURE
from pixroute.testing.emulator.services.bfl import BFL
from pixroute.testing.emulator.services.dashscope import DASHSCOPE
from pixroute.testing.emulator.services.fal import FAL
from pixroute.testing.emulator.services.openrouter import OPENROUTER
from pixroute.testing.emulator.services.replicate import REPLICATE
from pixroute.testing.emulator.services.service import JobDialect, Service
from pixroute.testing.emulator.services.stability import STABILITY
from pixroute.testing.emulator.services.tasks import TASKS
from pixroute.testing.emulator.services.vertex import VERTEX
from pixroute.testing.emulator.services.xai import XAI_SERVICE

SERVICES: list[Service] = [
    *(OPENROUTER, FAL, REPLICATE, BFL, STABILITY),
    *(AZURE, DASHSCOPE, TASKS, VERTEX, XAI_SERVICE),
]
"""All that emulators know; `learn` adds others."""
BY_NAME = {service.name: service for service in SERVICES}

__all__ = ["BY_NAME", "SERVICES", "JobDialect", "Service"]
