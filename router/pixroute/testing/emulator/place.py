"""Where the emulator plays a provider type, and with which settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from attrs import field, frozen

from pixroute.testing.emulator.services import Service


@frozen(kw_only=True)
class EmulatedPlace:
    """How a provider type is played: a plugin gives it as `ProviderSpec(emulated="module:PLACE")`.

    Args:
        path: what follows the emulator's address in `base_url`: text, or a function of the settings; None: the path
            that the type's own default `base_url` has.
        settings: what is said in place of what the configuration says, such as `{"region": "emulated"}`.
        without: settings that are left out, such as a file of credentials.
        service: an upstream that the emulator does not know of itself.
    """

    path: str | Callable[[Any], str] | None = None
    settings: Mapping[str, Any] = field(factory=dict)
    without: frozenset[str] = frozenset()
    service: Service | None = None

    def path_for(self, settings: Any, said: Mapping[str, Any]) -> str:
        """Give the path for a provider with these settings, of which `said` stands in the configuration."""
        if self.path is not None:
            return self.path if isinstance(self.path, str) else self.path(settings)
        own = {name: getattr(settings, name) for name in said if name != "base_url" and hasattr(settings, name)}
        default: str = type(settings)(**own).base_url
        return urlsplit(default).path.rstrip("/")


_TASKS = {"evolink": "/evolink/v1", "apimart": "/apimart/v1"}

PLACES: Mapping[str, EmulatedPlace] = MappingProxyType(
    {
        "nano-banana-pro-http": EmulatedPlace(),
        "nano-banana-pro-https": EmulatedPlace(),
        "seedream": EmulatedPlace(),
        "gemini": EmulatedPlace(),
        "openai-images": EmulatedPlace(),
        "openrouter": EmulatedPlace(),
        "fal": EmulatedPlace(),
        "replicate": EmulatedPlace(),
        "bfl": EmulatedPlace(),
        "stability": EmulatedPlace(),
        "xai": EmulatedPlace(),
        "azure-openai": EmulatedPlace(path=""),
        "dashscope": EmulatedPlace(),
        "image-tasks": EmulatedPlace(path=lambda settings: _TASKS.get(settings.preset, "/v1")),
        "vertex": EmulatedPlace(settings={"project": "emulated"}, without=frozenset({"credentials"})),
    }
)
"""The provider types of our own plugins."""
