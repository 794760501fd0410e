"""A configuration before the emulator: the same chains, rules, prices and providers; nobody asked, nothing billed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import attrs
from attrs import frozen

from pixroute.config.build import build
from pixroute.config.load import structure
from pixroute.config.model import Config, ProviderConfig
from pixroute.config.serve import ServeSettings
from pixroute.errors import ConfigError, Problem
from pixroute.events import Observer
from pixroute.group import Group
from pixroute.http.endpoint import origin_of
from pixroute.latency import Latency
from pixroute.plugins import PluginsOnDemand
from pixroute.provider import RAISED_BY_PLUGINS, ProviderSpec
from pixroute.routing.router import Router
from pixroute.secret import Secret
from pixroute.testing.emulator import EmulatedPlace, Emulator, learn
from pixroute.testing.emulator.call import marked
from pixroute.testing.emulator.faults.book import parse_selector
from pixroute.testing.emulator.place import PLACES
from pixroute.testing.scaled import OWN_WORK, scaled, scaled_latency
from pixroute.words import join

_OWN = (
    "base_url",
    "api_key",
    "proxy",
    "ca_file",
    "allow_private_results",
    "job_origins",
    "headers",
    "latency",
    "shared",
)
"""Settings that a rehearsal says itself."""
_TOLD = ("proxy", "ca_file", "job_origins")
"""Those of them that are worth telling where the configuration says them."""
_NOT_SERVED = ("repeats_file", "store", "bucket", "signing_key", "shared_keys", "processes")

KeyFor = Callable[[str], Any]
"""Gives what stands for the key of an account, by a name of the account."""


@frozen(kw_only=True)
class Role:
    """A provider as it is played: how, which origin it asks in life, and what follows its base URL there."""

    place: EmulatedPlace
    origin: str
    path: str


@frozen(kw_only=True)
class Rehearsal:
    """A configuration and who of it is played; `unused` are sentences on what is not used of it."""

    config: Config
    roles: Mapping[str, Role]
    unused: tuple[str, ...]

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that its providers ask, each once: give them to the emulator as `doors`."""
        return tuple(dict.fromkeys(role.origin for role in self.roles.values()))

    @property
    def serve(self) -> ServeSettings:
        """The gateway's settings, without the places where real pictures and requests are kept."""
        usual = attrs.fields_dict(ServeSettings)
        nowhere: dict[str, Any] = {name: usual[name].default for name in _NOT_SERVED}
        return attrs.evolve(self.config.serve, **nowhere)

    def selector(self, text: str) -> str:
        """Give an emulator's selector in which a word that names a provider means that provider.

        Raises:
            ValueError: a word means nobody; the text has the nearest, and all.
        """
        return "/".join(parse_selector(text, self.roles)) or "*"

    def mapping(
        self,
        emulator: Emulator,
        *,
        scale: float = 1.0,
        ca_file: Path | None = None,
        key_for: KeyFor = lambda account: f"emulated-{account}",
        latencies: Mapping[str, Latency] | None = None,
    ) -> dict[str, Any]:
        """Give it as a mapping of the shape of the TOML file, whose providers ask a running emulator.

        Args:
            emulator: where it is played.
            scale: the emulator's `time_scale`; above 0.
            ca_file: holds the emulator's authority.
            key_for: gives what stands for a key; providers of one key have one account still.
            latencies: expected times of life, by provider.
        """
        config, said = self.config, self.config.said
        providers = {
            name: {
                **self._provider(config.providers[name], role, emulator, key_for),
                **({"ca_file": str(ca_file)} if ca_file else {}),
                **_times(config.providers[name], scale, (latencies or {}).get(name)),
            }
            for name, role in self.roles.items()
        }
        mapping: dict[str, Any] = {
            "chains": {name: self._chain(name, scale) for name in config.chains if self._members(name)},
            "rules": [dict(rule) for rule in said.get("rules", ()) if self._members(rule["chain"])],
            "policy": _plain(scaled(config.policy, scale)),
            "providers": providers,
            "budgets": said.get("budgets", {}),
        }
        if "serve" in said:
            mapping["serve"] = _serve(config, said["serve"], scale)
        return mapping

    def _members(self, chain: str) -> list[str]:
        return [name for name in self.config.chains[chain].providers if name in self.roles]

    def _chain(self, name: str, scale: float) -> Any:
        said = self.config.said["chains"][name]
        steps = self._steps(name)
        if not isinstance(said, Mapping):
            return steps
        policy = _plain(scaled(self.config.chains[name].policy, scale))
        own = {key: policy[key] for key in said if key in policy}
        return {"providers": steps, **own}

    def _steps(self, chain: str) -> list[Any]:
        """Give a chain's steps, groups included, without those who are not played."""
        steps: list[Any] = []
        for step in self.config.chains[chain].steps:
            left = step.only(self.roles) if isinstance(step, Group) else step if step in self.roles else None
            if left is not None:
                steps.append({"any": list(left.any), "spread": left.spread} if isinstance(left, Group) else left)
        return steps

    def _provider(self, provider: ProviderConfig, role: Role, emulator: Emulator, key_for: KeyFor) -> dict[str, Any]:
        settings, said = provider.settings, self.config.said["providers"][provider.name]
        fields = attrs.fields_dict(type(settings))
        kept = {
            name: str(value) if isinstance(value := getattr(settings, name, None), Path) else said[name]
            for name in said
            if name != "type" and name not in _OWN and name not in role.place.without
        }
        keys = {
            name: key_for(_account(said[name]))
            for name in said
            if isinstance(getattr(settings, name, None), Secret) and name not in role.place.without
        }
        if "api_key" in fields and "api_key" not in keys:
            keys["api_key"] = key_for(_account(provider.type))
        door = emulator.door(role.origin)
        if door.startswith("http:") and "plaintext" in fields:
            kept.setdefault("plaintext", "accept")
        new: dict[str, Any] = {
            "base_url": door + role.path,
            "allow_private_results": True,
            "headers": {**said.get("headers", {}), **marked(provider.name)},
        }
        if emulator.second_url and "job_origins" in fields:
            new["job_origins"] = [emulator.second_url]
        return {"type": provider.type, **kept, **keys, **role.place.settings, **new}


def rehearse(config: Config) -> Rehearsal:
    """Find out who of a configuration can be played, and what is not used of it.

    Raises:
        ConfigError: of some chain nobody can be.
    """
    roles: dict[str, Role] = {}
    unused: list[str] = []
    for name, provider in config.providers.items():
        path = join("providers", name)
        if not provider.enabled:
            continue
        place = _place(provider.spec)
        if place is None:
            unused.append(f"{path}, for the emulator does not know its type {provider.type}")
            continue
        roles[name] = _role(provider, place, config.said["providers"][name])
        dropped = [one for one in (*_TOLD, *sorted(place.without)) if one in config.said["providers"][name]]
        unused += [join(path, one) for one in dropped]
    unused += [join("observers", name) for name in config.observers]
    unused += ["[shared], so budgets begin at nothing and places are this process's"] if config.shared else []
    unused += [join("serve", name) for name in _NOT_SERVED if name in config.said.get("serve", {})]
    nobody = [name for name, chain in config.chains.items() if not set(chain.providers) & set(roles)]
    if not roles or config.default_chain.name in nobody:
        message = "nobody of it can be played by the emulator"
        raise ConfigError([Problem(join("chains", config.default_chain.name), message)], source=config.source)
    unused += [f"{join('chains', name)}, of which nobody is left, nor rules for it" for name in nobody]
    return Rehearsal(config=config, roles=roles, unused=tuple(unused))


@asynccontextmanager
async def rehearsed(rehearsal: Rehearsal, emulator: Emulator, *, scale: float) -> AsyncIterator[Config]:
    """Give the configuration to open a router with, while the emulator runs, which takes the providers' times."""
    with TemporaryDirectory(prefix="pixroute-") as folder:
        ca_file = Path(folder) / "ca.pem" if emulator.ca_pem else None
        if ca_file:
            await asyncio.to_thread(ca_file.write_text, emulator.ca_pem)
        latencies = take_latencies(rehearsal, emulator, ca_file=ca_file)
        mapping = rehearsal.mapping(emulator, scale=scale, ca_file=ca_file, latencies=latencies)
        yield structure(mapping, PluginsOnDemand(), base=Path.cwd(), source=rehearsal.config.source)


@asynccontextmanager
async def rehearsed_router(
    rehearsal: Rehearsal,
    emulator: Emulator,
    *,
    scale: float,
    observers: Mapping[str, Observer] | None = None,
    seed: int | None = None,
) -> AsyncIterator[Router]:
    """Give a router for it; arguments as of `rehearsed` and `Router`."""
    async with (
        rehearsed(rehearsal, emulator, scale=scale) as config,
        Router.from_config(config, observers=observers, seed=seed) as router,
    ):
        yield router


def take_latencies(rehearsal: Rehearsal, emulator: Emulator, *, ca_file: Path | None = None) -> dict[str, Latency]:
    """Let the emulator take the times that each provider expects, and give them; who expects none is left out."""
    mapping = rehearsal.mapping(emulator, ca_file=ca_file)
    built = build(structure(mapping, PluginsOnDemand(), base=Path.cwd(), source=rehearsal.config.source))
    known = {
        name: latency
        for name, provider in built.providers.items()
        if (latency := rehearsal.config.providers[name].settings.latency_over(provider.latency)).table
    }
    for name, latency in known.items():
        table: dict[str, tuple[float, float, float]] = {
            size: (times.p50, times.p95, times.p99) for size, times in latency.table.items()
        }
        emulator.set_latency(name, table)
    return known


def _place(spec: ProviderSpec) -> EmulatedPlace | None:
    if spec.emulated is None:
        return PLACES.get(spec.name)
    place: Any = resolve_place(spec.emulated)
    if place.service is not None:
        learn(place.service)
    found: EmulatedPlace = place
    return found


def resolve_place(where: str) -> EmulatedPlace:
    """Import what a plugin's spec names.

    Raises:
        ValueError: it cannot be imported, or is no `EmulatedPlace`.
    """
    import pkgutil  # noqa: PLC0415 - for plugins alone

    try:
        found = pkgutil.resolve_name(where)
    except RAISED_BY_PLUGINS as error:
        raise ValueError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(found, EmulatedPlace):
        raise ValueError(f"{where} is no EmulatedPlace")  # noqa: TRY004 - a plugin's mistake, as its like
    return found


def _role(provider: ProviderConfig, place: EmulatedPlace, said: Mapping[str, Any]) -> Role:
    own = {name: value for name, value in said.items() if name not in {"type", *place.without}}
    parts = urlsplit(getattr(provider.settings, "base_url", "") or f"https://{provider.type}.emulated")
    return Role(place=place, origin=origin_of(parts), path=place.path_for(provider.settings, own))


def _account(said: object) -> str:
    """Name the account of a key by how it is said; the key itself is not looked at."""
    words = said if isinstance(said, str | Mapping) else id(said)
    return blake2b(repr(words).encode(), digest_size=4).hexdigest()


def _times(provider: ProviderConfig, scale: float, expected: Latency | None) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if (limits := provider.settings.attempt_timeout) is not None:
        said["attempt_timeout"] = {size: seconds * scale for size, seconds in limits.items()}
    if expected is not None:
        own = OWN_WORK if scale < 1 else 0.0
        table = scaled_latency(expected, scale, own).table
        said["latency"] = {size: [times.p50, times.p95, times.p99] for size, times in table.items()}
    return said


def _serve(config: Config, said: Mapping[str, Any], scale: float) -> dict[str, Any]:
    kept = {
        name: str(value) if isinstance(value := getattr(config.serve, name), Path) else said[name]
        for name in said
        if name not in _NOT_SERVED
    }
    return kept | ({"timeout": config.serve.timeout * scale} if config.serve.timeout else {})


def _plain(value: Any) -> Any:
    """Give a policy as TOML has it; what is None is left out."""
    if attrs.has(type(value)):
        names = [one.name for one in attrs.fields(type(value))]
        return {name: _plain(part) for name in names if (part := getattr(value, name)) is not None}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | bool | int | float) else str(value)


__all__ = ["Rehearsal", "Role", "rehearse", "rehearsed", "rehearsed_router", "take_latencies"]
