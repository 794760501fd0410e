"""The router: what a service holds on to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self, Unpack

from attrs import asdict

from pixroute import events
from pixroute.errors import ConfigError, PluginError, Problem
from pixroute.events import check_observer
from pixroute.plugins import PluginsOnDemand, PluginSource
from pixroute.policy import Overrides, Policy
from pixroute.provider import Provider
from pixroute.request import ImageRequest, Reference, Size
from pixroute.result import ImageResult
from pixroute.routing import explain as explaining
from pixroute.routing.arguments import FIELDS, check_drain, check_extra, check_limits, path_of, request_of
from pixroute.routing.chain import Chain, Member, PreparedProvider, prepared_providers
from pixroute.routing.chains import SaidChain, build_chains
from pixroute.routing.claim import ANYTHING, Claim, collect
from pixroute.routing.fulfil import cut, fulfil
from pixroute.routing.groups import GroupDraw
from pixroute.routing.life import Life
from pixroute.routing.operations import Operations
from pixroute.routing.view import View
from pixroute.values import check_one

if TYPE_CHECKING:
    from pixroute.config.build import Built
    from pixroute.config.model import Config
    from pixroute.config.shared import SharedSettings
    from pixroute.http.jobs import Job
    from pixroute.http.transport import Transport
    from pixroute.routing.shared import Shared
    from pixroute.shared.budgets import Budget
    from pixroute.shared.stores import Stores


class Router(Operations):
    """Gets pictures through the first provider that can deliver.

    Use it as an async context manager, on one event loop. Its state (breakers, learned times, slots) is this process's;
    with shared stores the processes tell each other of it, and `max_in_flight` may be of all of them (`shared = true`).

    Args:
        providers: by the names that chains use.
        chains: each an ordered list of steps, or a `(steps, Policy)` pair; a step is a provider's name or a group such
            as `{"any": ["key-a", "key-b"], "spread": "in-turn"}`, which `pixroute.group.Group` describes.
        policy: for chains that bring none; its `connect_timeout` is everybody's.
        choose: gives the chain's name for a request (rules); without it the chain "default", else the only one.
        observers: told every event, by name.
        seed: makes jitter and probes repeatable; None draws one.
        transport: how connections are paced and kept alive, and from whom names are resolved; closed with the router.
        budgets: money for periods, by name; they outlive this process only with `shared`.
        shared: where processes keep what they share; or the ports of a driver of your own, closed with the router.

    Raises:
        ValueError: a chain names an unknown provider or none at all.
    """

    def __init__(
        self,
        *,
        providers: Mapping[str, Provider],
        chains: Mapping[str, SaidChain],
        policy: Policy | None = None,
        choose: Callable[[ImageRequest], str | None] | None = None,
        observers: Mapping[str, events.Observer] | None = None,
        seed: int | None = None,
        transport: Transport | None = None,
        budgets: Mapping[str, Budget] | None = None,
        shared: SharedSettings | Stores | None = None,
    ) -> None:
        check_one(policy, Policy | None, "policy")
        policy = policy or Policy()
        self._chains = build_chains(chains, providers, policy)
        self._choose = choose or (lambda _request: None)
        self._given_observers = {name: check_observer(name, one) for name, one in (observers or {}).items()}
        self._built: Built | None = None
        self._reloading = asyncio.Lock()
        self._life = Life(
            providers=providers,
            observers=self._given_observers,
            transport=transport,
            connect=policy.connect_timeout,
            seed=seed,
            budgets=budgets or {},
            sharing=shared,
        )

    @classmethod
    def from_toml(cls, path: str | PathLike[str], *, plugins: PluginSource | None = None, **options: Any) -> Self:
        """Build from a configuration file; `options` are `observers`, `seed` and `transport`.

        Raises:
            ConfigError: with all mistakes of the file at once.
        """
        from pixroute.config.load import load  # noqa: PLC0415 - cattrs is reached when first needed

        return cls.from_config(load(Path(path), plugins or PluginsOnDemand()), **options)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], *, plugins: PluginSource | None = None, **options: Any) -> Self:
        """Build from a mapping shaped like the TOML file; secrets may be strings or callables here.

        Raises:
            ConfigError: with all mistakes at once.
        """
        from pixroute.config.load import structure  # noqa: PLC0415 - cattrs is reached when first needed

        return cls.from_config(structure(mapping, plugins or PluginsOnDemand(), base=Path.cwd()), **options)

    @classmethod
    def from_config(cls, config: Config, **options: Any) -> Self:
        """Build from a checked configuration.

        Raises:
            ConfigError: a provider or an observer cannot be made of its settings.
        """
        from pixroute.config.build import build  # noqa: PLC0415 - as above

        built = build(config)
        router = cls(
            providers=built.providers,
            chains=_said_chains(config),
            policy=config.policy,
            budgets=config.budgets,
            shared=config.shared,
            **options,
        )
        router._adopt(built)
        router._life.observers = router._all_observers(built)
        return router

    # Life

    async def __aenter__(self) -> Self:
        try:
            await self._life.open()
        except BaseException as error:
            await self._life.aclose(drain=0)
            if isinstance(error, PluginError) and error.__cause__ is not None:
                raise error.__cause__ from None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose(drain=30 if kind is None else 0)

    async def aclose(self, *, drain: float = 30.0) -> None:
        """Stop admitting, let what is in flight end for `drain` seconds, then end it and say what may be billed.

        A request that is ended so raises ShuttingDown; its caller's task is not cancelled. Called again, it waits for
        the first call, whose drain it may shorten; cancelled, it drains no longer.

        Raises:
            RuntimeError: called on another event loop, or in another process.
            ValueError: `drain` is no number of seconds.
        """
        check_drain(drain)
        await self._life.aclose(drain)

    # Reloading

    async def reload(self, config: Config | str | PathLike[str], *, plugins: PluginSource | None = None) -> None:
        """Go on with another configuration, all at once or not at all.

        Requests in flight keep the chain, the providers and the observers they began with. A provider or observer
        that the new configuration names with the same settings stays as it is, one that it leaves out is closed
        when the last request that may use it has ended. Health stays, for it goes by origin, account and upstream;
        so does what `disable` and the arguments `observers` and `transport` said.

        Args:
            config: read and checked, or a file's path.
            plugins: for a file; None loads those installed.

        Raises:
            ConfigError: it has mistakes; nothing has changed.
            ShuttingDown: the router is closing.
        """
        from pixroute.config.build import build  # noqa: PLC0415 - cattrs is reached when first needed
        from pixroute.config.load import load  # noqa: PLC0415 - as above

        await self._life.open()
        async with self._reloading:
            if isinstance(config, str | PathLike):
                config = await asyncio.to_thread(lambda path: load(path, plugins or PluginsOnDemand()), Path(config))
            if config.shared != self._life.sharing:
                raise ConfigError([Problem("shared", "changes with a restart only")], source=config.source)
            built = build(config, self._built)
            chains = build_chains(_said_chains(config), built.providers, config.policy)
            await self._life.replace(
                built.providers,
                self._all_observers(built),
                source=config.source,
                connect=config.policy.connect_timeout,
            )
            self._life.rebudget(config.budgets)
            self._chains = chains  # in the same breath: a request sees all of the old configuration or all of the new
            self._adopt(built)

    def _adopt(self, built: Built) -> None:
        self._built = built
        self._choose = lambda request: built.config.chain_for(request).name

    def _all_observers(self, built: Built) -> dict[str, events.Observer]:
        return {**built.observers, **self._given_observers}

    # Asking

    async def generate(
        self,
        prompt: str | ImageRequest,
        *,
        chain: str | None = None,
        timeout: float | None = None,
        into: str | PathLike[str] | None = None,
        request_id: str | None = None,
        size: str | Size | None = None,
        aspect_ratio: str | None = None,
        n: int = 1,
        references: Iterable[Reference | bytes | bytearray | memoryview | str | PathLike[str] | BinaryIO] = (),
        mask: Reference | bytes | bytearray | memoryview | str | PathLike[str] | BinaryIO | None = None,
        output_format: Literal["png", "jpeg", "webp"] | None = None,
        sensitive: bool = False,
        tags: Mapping[str, str] | None = None,
        extra: Mapping[str, Mapping[str, Any]] | None = None,
        **overrides: Unpack[Overrides],
    ) -> ImageResult:
        """Make a picture, or several.

        Args:
            prompt: what to draw, or a whole `ImageRequest` (then the fields of a request are not given beside it).
            chain: its name; else the rules choose.
            timeout: seconds for the whole call; None: the first provider's attempt time-out, a reserve for the
                fallback, and 30 s. Pass it here rather than wrapping the call: a cancelled call returns no record.
            into: a file for the one picture, written in bounded memory under the suffix that is true.
            request_id: yours, unique among the requests in flight: 1 to 128 visible ASCII characters; it stands in
                record, events, logs and ledger, and with the attempt's number in what is sent. None makes one.
            size: `"4K"`, `"2048x2048"`, `"2K 16:9"`; None leaves it to the provider.
            aspect_ratio: `"16:9"`, beside a class.
            n: how many; cut into parts that run at once under the shared deadline and `max_cost`.
            references: pictures to edit or follow.
            mask: a picture whose transparent pixels say where the first reference is to be changed; providers that take
                none are skipped.
            output_format: asked of the provider, else converted, else told in `adjustments`.
            sensitive: never over plaintext.
            tags: carried to record, events and ledger.
            extra: per provider name, fields added to the wire as they are.
            **overrides: what this request says of policy; a table of time-outs changes only the resolutions it names.

        Raises:
            RequestFailed: one of its children; carries record and cost.
            ShuttingDown: the router is closing.
            ValueError: a value that cannot be read; nothing was sent.
        """
        fields = {
            "size": size,
            "aspect_ratio": aspect_ratio,
            "n": n,
            "references": references,
            "mask": mask,
            "output_format": output_format,
            "sensitive": sensitive,
            "tags": tags,
            "extra": extra,
        }
        try:
            check_limits(timeout=timeout, chain=chain, overrides=overrides, request_id=request_id)
            request, file = request_of(prompt, fields), path_of(into)
            check_extra(request.extra, self._known_names)
            shared = await self._life.open()
            with self._life.requests.enter(request_id) as own_id:
                return await self._fulfil(request, shared, chain, timeout, file, overrides, own_id)
        except Exception:
            await asyncio.sleep(0)  # a caller who asks again and again lets others run
            raise

    def _fulfil(  # noqa: PLR0917 - one call site, just above
        self,
        request: ImageRequest,
        shared: Shared,
        chain: str | None,
        timeout: float | None,
        into: Path | None,
        overrides: Overrides,
        request_id: str,
    ) -> Coroutine[Any, Any, ImageResult]:
        return fulfil(
            request,
            shared=shared,
            chain=self._chain(request, chain),
            timeout=timeout,
            into=into,
            overrides=overrides,
            request_id=request_id,
        )

    def _chain(self, request: ImageRequest, name: str | None) -> Chain:
        wanted = name or self._choose(request) or ("default" if "default" in self._chains else None)
        if wanted is None and len(self._chains) == 1:
            return next(iter(self._chains.values()))
        if wanted is None or wanted not in self._chains:
            raise ValueError(f"there is no chain {wanted or 'default'!r}; there are {', '.join(sorted(self._chains))}")
        return self._chains[wanted]

    async def claim(self, provider: str, job: Job | Mapping[str, Any], *, timeout: float | None = None) -> ImageResult:
        """Collect the picture of a job whose request ended before it did.

        It costs nothing more: the job's price was counted as possible when its request failed.

        Args:
            provider: whose job it is.
            job: as the attempt's record (`facts["job"]`) or the ledger keeps it.
            timeout: seconds to wait for it; None: the provider's attempt time-out.

        Raises:
            RequestFailed: it failed, or had not ended in time; then it may be claimed again.
            ValueError: there is no such provider, or it takes no jobs.
        """
        from pixroute.http.jobs import JobProvider  # noqa: PLC0415 - for providers that take jobs only

        check_limits(timeout=timeout)
        shared, owner = await self._life.open(), self._life.providers[self._known(provider)]
        if not isinstance(owner, JobProvider):
            raise ValueError(f"provider {provider!r} takes no jobs")  # noqa: TRY004 - a wrong name, not a wrong type
        chain = Chain.of(provider, [Member.of(provider, owner)], Policy())
        (prepared,) = prepared_providers(chain, ANYTHING, chain.policy, shared.health, {})
        claim = Claim(
            request_id=self._life.new_id(),
            ends_at=self._life.now + (prepared.candidate.timeout if timeout is None else timeout),
            http=shared.http,
        )
        facts = job if isinstance(job, Mapping) else asdict(job)
        work = collect(owner, facts, prepared=prepared, claim=claim)
        return await self._life.claim(work, claim.request_id)

    # Asking about

    def explain(
        self,
        request: ImageRequest | None = None,
        *,
        chain: str | None = None,
        timeout: float | None = None,
        **overrides: Unpack[Overrides],
    ) -> explaining.Explanation:
        """Tell what would be tried, for how long and at what worst-case cost, without sending anything."""
        check_limits(timeout=timeout, chain=chain, overrides=overrides)
        request = request_of(request or "anything", FIELDS)
        health, now = self._life.reading(), self._life.now
        found = self._chain(request, chain)
        policy = found.policy.overlaid(overrides)
        parts = cut(request, found)
        ready: tuple[PreparedProvider, ...] = prepared_providers(found, parts[0], policy, health, overrides)
        draw = GroupDraw(found.groups, health, take=False)
        ready = draw.order(0, ready, now)
        view = View(
            now=now,
            deadline=now,
            candidates=tuple(prepared.candidate for prepared in ready),
            statuses=tuple(health.status(prepared.keys, now) for prepared in ready),
            policy=policy,
            money_left=policy.max_cost,
        )
        return explaining.explain(
            view,
            ready,
            chain=found.name,
            parts=len(parts),
            timeout=timeout if timeout is not None else policy.timeout,
            currency=found.currency,
            drawn=draw.told,
        )

    def _known_names(self) -> Collection[str]:
        """Give every provider's name, those of the configuration that are not enabled included."""
        names = self._life.providers.keys()
        return self._built.config.providers.keys() | names if self._built else names


def _said_chains(config: Config) -> dict[str, SaidChain]:
    return {name: (chain.steps, chain.policy) for name, chain in config.chains.items()}
