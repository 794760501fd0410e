"""Rules of `check` that look at the whole configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

import attrs

from pixroute.config.build import Built
from pixroute.config.model import Rule
from pixroute.config.secrets import StandIn
from pixroute.config.walk import ConfigFinding, Level, Walk
from pixroute.sanitizer import tried
from pixroute.secret import Secret, doubts
from pixroute.words import join

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _unreached(built: Built, walks: Sequence[Walk]) -> Iterator[ConfigFinding]:
    used = {link.name for walk in walks for link in walk.links}
    for name in built.providers:
        if name not in used:
            yield ConfigFinding(
                level="warning",
                path=join("providers", name),
                message="stands in no chain, so it is never asked",
                fix="put it into a chain, or say enabled = false",
            )
    ruled = {rule.chain for rule in built.config.rules} | {built.config.default_chain.name}
    for walk in walks:
        if walk.name not in ruled:
            yield ConfigFinding(
                level="note",
                path=walk.path,
                message="is named by no rule",
                fix=f'only requests that say chain="{walk.name}" take it; a rule would send others there',
            )


def _shadowed(built: Built, _: Sequence[Walk]) -> Iterator[ConfigFinding]:
    rules = built.config.rules
    for later, rule in enumerate(rules):
        first = next((at for at, earlier in enumerate(rules[:later]) if _covers(earlier, rule)), None)
        if first is not None:
            yield ConfigFinding(
                level="warning",
                path=join("rules", later),
                message=f"never matches: rules[{first}] takes all that it would",
                fix="put the narrower rule first",
            )


def _covers(earlier: Rule, later: Rule) -> bool:
    wide, narrow = earlier.when, later.when
    return (
        (not wide.resolution or bool(narrow.resolution and narrow.resolution <= wide.resolution))
        and wide.tags.items() <= narrow.tags.items()
        and wide.sensitive in {None, narrow.sensitive}
        and wide.references in {None, narrow.references}
    )


def _plaintext(built: Built, _: Sequence[Walk]) -> Iterator[ConfigFinding]:
    for name, provider in built.providers.items():
        if provider.identity.plaintext:
            host = urlsplit(provider.identity.origin or "").hostname
            near = host in LOOPBACK or getattr(provider.settings, "plaintext", "") == "private"
            level: Level = "note" if near else "warning"
            yield ConfigFinding(
                level=level,
                path=join("providers", name),
                message=f"prompts, pictures and the key travel unencrypted to {provider.identity.origin}",
                fix="prefer https://, or mark requests that nobody may read sensitive: they never go there",
            )


def _keys(built: Built, _: Sequence[Walk]) -> Iterator[ConfigFinding]:
    for name, provider in built.providers.items():
        for one in attrs.fields(type(provider.settings)) if attrs.has(type(provider.settings)) else ():
            secret = getattr(provider.settings, one.name)
            given = isinstance(secret, Secret) and not isinstance(secret, StandIn)
            key = tried(secret.reveal) if given else ""
            for doubt in doubts(key) if key else ():
                yield ConfigFinding(
                    level="warning",
                    path=join(join("providers", name), one.name),
                    message=f"the key {doubt}",
                    fix="look at what was copied into its variable or file",
                )


def _recommended(built: Built, _: Sequence[Walk]) -> Iterator[ConfigFinding]:
    for name, provider in built.providers.items():
        if advice := getattr(provider, "recommendation", ""):
            yield ConfigFinding(
                level="note",
                path=join("providers", name),
                message="its plugin recommends other settings",
                fix=advice.rstrip("."),
            )


SINGLE: tuple[Callable[[Built, Sequence[Walk]], Iterator[ConfigFinding]], ...] = (
    _shadowed,
    _plaintext,
    _keys,
    _recommended,
)
"""Those that hold of what there is, whatever is left out."""
RULES = (_unreached, *SINGLE)
