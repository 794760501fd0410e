"""Rules of `check` on the form of a `base_url` and of a key, by what is known of provider types and hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import urlsplit

from pixroute.config.build import Built
from pixroute.config.secrets import StandIn
from pixroute.config.walk import ConfigFinding, Walk
from pixroute.sanitizer import tried
from pixroute.secret import Secret
from pixroute.words import join

_ROUTE = re.compile(
    r"/(?:images(?:/(?:generations|edits|variations)(?:/async)?)?|chat/completions|completions|responses"
    r"|openai(?:/deployments/[^/]+)?|models(?:/.*)?|files|(?:services|projects|publishers)(?:/.*)?|compatible-mode"
    r"|predictions(?:/[^/]*)?|fal-ai/.*|flux-[\w.-]+|get_result|stable-image(?:/.*)?|tasks(?:/[^/]*)?)$"
)
_VERSION = re.compile(r"(?:/api)?/v\d+(?:alpha|beta)?\d*$")
_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "AIza": ("generativelanguage.googleapis.com",),
        "ya29.": ("aiplatform.googleapis.com",),
        "sk-ant-": ("anthropic.com",),
        "sk-or-": ("openrouter.ai",),
        "xai-": ("x.ai",),
        "hf_": ("huggingface.co",),
        "r8_": ("replicate.com",),
        "gsk_": ("groq.com",),
        "sk-": ("openai.com", "apiyi.com", "deepseek.com", "siliconflow.cn", "aliyuncs.com", "stability.ai"),
    }
)
"""How a service's keys begin, and its hosts; the longest beginning counts."""
_AZURE = ("openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com")  # its keys have no beginning
_KNOWN = (*(host for hosts in _KEYS.values() for host in hosts), *_AZURE, "fal.run", "bfl.ai")
"""Those hosts, and some of which only is known that their keys begin otherwise."""
_ALWAYS = ("xai-", "sk-or-", "r8_", "ya29.")
"""Beginnings that every key of their hosts has."""


def base_urls(built: Built, _: Sequence[Walk]) -> Iterator[ConfigFinding]:
    """Compare the path of every base URL with how its provider type's end."""
    for name, provider in built.providers.items():
        versions = getattr(provider, "versions", None)
        url = getattr(provider.settings, "base_url", "")
        if versions is None or not url:
            continue
        parts = urlsplit(url)
        wrong = _wrong(parts.path.rstrip("/"), versions)
        if wrong is not None:
            what, path = wrong
            yield ConfigFinding(
                level="warning",
                path=join(join("providers", name), "base_url"),
                message=f"{url} {what}",
                fix=f"say {parts._replace(path=path, query='', fragment='').geturl()}",
            )


def keys(built: Built, _: Sequence[Walk]) -> Iterator[ConfigFinding]:
    """Compare the beginning of every key with the host that it is sent to, where both are known."""
    for name, provider in built.providers.items():
        secret = getattr(provider.settings, "api_key", None)
        host = urlsplit(getattr(provider.settings, "base_url", "")).hostname or ""
        key = tried(secret.reveal) if isinstance(secret, Secret) and not isinstance(secret, StandIn) else ""
        if key and (wrong := _of_another(key, host)) is not None:
            yield ConfigFinding(
                level="warning",
                path=join(join("providers", name), "api_key"),
                message=wrong,
                fix="look whether it is another provider's key",
            )


def _of_another(key: str, host: str) -> str | None:
    begins = max((prefix for prefix in _KEYS if key.startswith(prefix)), key=len, default=None)
    if begins is not None and not _is_of(host, _KEYS[begins]) and _is_of(host, _KNOWN):
        return f"the key begins with {begins}, as those of {_KEYS[begins][0]} do, and goes to {host}"
    due = next((prefix for prefix in _ALWAYS if begins is None and _is_of(host, _KEYS[prefix])), None)
    return None if due is None else f"the key does not begin with {due}, as those of {_KEYS[due][0]} do"


def _wrong(path: str, versions: tuple[str, ...]) -> tuple[str, str] | None:
    """Say what is wrong with a path, and what it should be."""
    cut = _without_routes(path)
    has_route = cut != path
    version = _VERSION.search(cut)
    before = cut[: version.start()] if version else cut
    if version and ("" in versions or version[0] not in versions):
        before = _without_routes(before)
    if has_route:
        right = before if "" in versions else cut if version else cut + versions[0]
        return "names a route, which is added to it", right
    if version and _VERSION.search(before):
        return "names a version twice", before
    if "" in versions:
        return ("names a version, which is added to it", before) if version else None
    if version and version[0] not in versions and len(versions) == 1 and not before:
        return f"does not end with {versions[0]}", versions[0]
    return (f"names no version, such as {versions[0]}", cut + versions[0]) if not version and not path else None


def _without_routes(path: str) -> str:
    while found := _ROUTE.search(path):
        path = path[: found.start()]
    return path


def _is_of(host: str, domains: Sequence[str]) -> bool:
    """Tell whether a host is a domain's, or a region's of it: `europe-west4-aiplatform.googleapis.com`."""
    return any(host == domain or host.endswith((f".{domain}", f"-{domain}")) for domain in domains)


RULES = (base_urls, keys)
