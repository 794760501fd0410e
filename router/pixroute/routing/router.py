"""The router: what a service holds on to."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self, Unpack

from attrs import asdict, evolve

from pixroute import events
from pixroute.errors import ShuttingDown
from pixroute.health.breaker import OpenReason, State
from pixroute.health.registry import Health
from pixroute.http.wire.clock import after_a_turn
from pixroute.plugins import Plugins, load_plugins
from pixroute.policy import Overrides, Policy
from pixroute.provider import Provider
from pixroute.request import ImageRequest, Reference, Size
from pixroute.result import ImageResult
from pixroute.routing import explain as explaining
from pixroute.routing.arguments import FIELDS, check_extra, check_limits, path_of, request_of
from pixroute.routing.budget import HedgePurse
from pixroute.routing.chain import Chain, Contender, Member, build_chains, contenders
from pixroute.routing.claim import ANYTHING, Claim, collect
from pixroute.routing.fulfil import cut, fulfil
from pixroute.routing.heartbeat import Heartbeat
from pixroute.routing.observers import Observers
from pixroute.routing.plan import SLACK, View
from pixroute.routing.reload import closed, retired, started
from pixroute.routing.run import Run, Shared, new_id
from pixroute.values import check_one

if TYPE_CHECKING:
    from pixroute.config.build import Built
    from pixroute.config.model import Config
    from pixroute.health.report import HealthEntry
    from pixroute.http.jobs import Job
    from pixroute.http.transport import Transport

log = logging.getLogger("pixroute")

_SILENT = (OpenReason.OVERDUE.value, OpenReason.STALL.value)

POKED_AT_ONCE = 64
"""Requests that plan again in one turn of the loop when a breaker opens: some milliseconds."""

REAP = 2.0
"""Seconds after which a cancelled attempt that has not ended is named in the log."""


class Router:
    """Gets pictures through the first provider that can deliver.

    Use it as an async context manager, on one event loop. Its state (breakers, learned times, slots) is this process's
    alone: `max_in_flight` is a process's share.

    Args:
        providers: by the names that chains use.
        chains: each an ordered list of provider names, or a `(names, Policy)` pair.
        policy: for chains that bring none; its `connect_timeout` is everybody's.
        choose: gives the chain's name for a request (rules); without it the chain "default", else the only one.
        observers: told every event, by name.
        seed: makes jitter and probes repeatable; None draws one.
        transport: how connections are paced and kept alive, and from whom names are resolved; closed with the router.

    Raises:
        ValueError: a chain names an unknown provider or none at all.
    """

    def __init__(
        self,
        *,
        providers: Mapping[str, Provider],
        chains: Mapping[str, Sequence[str] | tuple[Sequence[str], Policy]],
        policy: Policy | None = None,
        choose: Callable[[ImageRequest], str | None] | None = None,
        observers: Mapping[str, events.Observer] | None = None,
        seed: int | None = None,
        transport: Transport | None = None,
    ) -> None:
        check_one(policy, Policy | None, "policy")
        self._policy = policy or Policy()
        self._providers = dict(providers)
        self._chains = build_chains(chains, providers, self._policy)
        self._choose = choose or (lambda _request: None)
        self._given_observers = dict(observers or {})
        self._built: Built | None = None
        self._transport = transport
        self._random = random.Random(seed)  # noqa: S311 - jitter, not secrecy
        self._ids = count(1)
        self._id_prefix = f"{self._random.getrandbits(32):08x}-" if seed is not None else f"{secrets.token_hex(4)}-"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._shared: Shared | None = None
        self._reaping: set[asyncio.Task[None]] = set()
        self._requests: dict[asyncio.Task[Any], asyncio.Future[None]] = {}  # each with its end
        self._reloading = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()

    @classmethod
    def from_toml(cls, path: str | PathLike[str], *, plugins: Plugins | None = None, **options: Any) -> Self:
        """Build from a configuration file; `options` are `observers`, `seed` and `transport`.

        Raises:
            ConfigError: with all mistakes of the file at once.
        """
        from pixroute.config.load import load  # noqa: PLC0415 - cattrs is reached when first needed

        return cls.from_config(load(Path(path), plugins or load_plugins()), **options)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], *, plugins: Plugins | None = None, **options: Any) -> Self:
        """Build from a mapping shaped like the TOML file; secrets may be strings or callables here.

        Raises:
            ConfigError: with all mistakes at once.
        """
        from pixroute.config.load import structure  # noqa: PLC0415 - cattrs is reached when first needed

        return cls.from_config(structure(mapping, plugins or load_plugins(), base=Path.cwd()), **options)

    @classmethod
    def from_config(cls, config: Config, **options: Any) -> Self:
        """Build from a checked configuration.

        Raises:
            ConfigError: a provider or an observer cannot be made of its settings.
        """
        from pixroute.config.build import build  # noqa: PLC0415 - as above

        built = build(config)
        router = cls(providers=built.providers, chains=_said_chains(config), policy=config.policy, **options)
        router._adopt(built)
        return router

    # Life

    async def __aenter__(self) -> Self:
        self._open()
        try:
            for provider in self._providers.values():
                await provider.start()
        except BaseException:
            await self.aclose(drain=0)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose(drain=30 if kind is None else 0)

    def _open(self) -> Shared:
        from pixroute.http.pace import Pace  # noqa: PLC0415 - aiohttp is reached when first needed
        from pixroute.http.transport import Transport  # noqa: PLC0415 - as above

        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop:
            raise RuntimeError("this router belongs to another event loop; make one per loop")
        if self._shared is None:
            import backoff  # noqa: F401, PLC0415 - a request imports nothing: it may have no descriptor left for it

            self._loop = loop
            heartbeat = Heartbeat(
                clock=loop.time,
                call_at=loop.call_at,
                busy=self._busy,
                observed=self._observed,
                on_pause=self._paused,
                on_lag=self._lagged,
            )
            self._shared = Shared(
                health=Health(
                    clock=heartbeat.look,
                    call_at=lambda at, call: loop.call_at(max(at, loop.time() + SLACK), call),
                    random=self._random,
                    on_change=self._breaker_changed,
                    after_a_turn=after_a_turn,
                ),
                http=self._transport or Transport(pace=Pace(connect=self._policy.connect_timeout)),
                random=self._random,
                purse=HedgePurse(),
                emit=self._telling(loop),
                reap=self._reap,
                heartbeat=heartbeat,
            )
            self._shared.http.time = heartbeat.awake
        return self._shared

    def _telling(self, loop: asyncio.AbstractEventLoop) -> Callable[[events.AnyEvent], None] | None:
        observers = {**(self._built.observers if self._built else {}), **self._given_observers}
        return Observers(observers, loop.time).emit if observers else None

    def _busy(self) -> bool:
        return self._shared is not None and bool(self._shared.runs)

    def _observed(self) -> bool:
        return self._shared is not None and self._shared.emit is not None

    def _paused(self, seconds: float) -> None:
        if self._shared is not None:
            log.warning("the machine or its event loop stood still for %.1f s", seconds)
            self._shared.health.leave_out(seconds)
            for run in list(self._shared.runs):
                run.leave_out(seconds)

    def _lagged(self, at: float, seconds: float) -> None:
        if self._shared is not None and self._shared.emit is not None:
            self._shared.emit(events.LoopLagged(at=at, seconds=seconds))

    def _breaker_changed(self, event: events.BreakerChanged) -> None:
        log.info("breaker %s: %s (%s)", event.key, event.state, event.reason or "healthy")
        if self._shared is None:
            return
        if self._shared.emit is not None:
            self._shared.emit(event)
        if event.state == State.OPEN.value:
            # Who stands in line for a slot there may go elsewhere; who already waits on a silent upstream be joined.
            silent = event.reason in _SILENT
            self._poke([run for run in self._shared.runs if run.waits_for_slot or (silent and run.in_flight)])

    def _poke(self, runs: Sequence[Run]) -> None:
        """Have them plan again, a few in each turn of the loop."""
        for run in runs[:POKED_AT_ONCE]:
            run.poke()
        if len(runs) > POKED_AT_ONCE:
            asyncio.get_running_loop().call_soon(self._poke, runs[POKED_AT_ONCE:])

    async def aclose(self, *, drain: float = 30.0) -> None:
        """Stop admitting, let what is in flight end for `drain` seconds, then cancel it and say what may be billed."""
        if self._shared is None:
            return
        shared = self._shared
        shared.closing.set()
        for run in list(shared.runs):
            run.poke()
        if self._requests and drain > 0:
            await asyncio.wait(self._requests.values(), timeout=drain)
        left = [attempt for run in shared.runs for attempt in run.in_flight if attempt.may_be_billed]
        for task in list(self._requests):
            task.cancel()
        if left:
            log.warning("closed with attempts in flight that may be billed: %d", len(left))
        if pending := {*self._requests.values(), *self._reaping, *self._retiring}:
            await asyncio.wait(pending, timeout=REAP)
        retiring = list(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        for provider in self._providers.values():
            await provider.aclose()
        await shared.http.aclose()
        shared.health.close()
        shared.heartbeat.stop()

    # Reloading

    async def reload(self, config: Config | str | PathLike[str], *, plugins: Plugins | None = None) -> None:
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

        shared = self._open()
        async with self._reloading:
            if isinstance(config, str | PathLike):
                config = await asyncio.to_thread(lambda path: load(path, plugins or load_plugins()), Path(config))
            built = build(config, self._built)
            chains = build_chains(_said_chains(config), built.providers, config.policy)
            new = {name: one for name, one in built.providers.items() if self._providers.get(name) is not one}
            await started(new, source=config.source)
            if shared.closing.is_set():
                await closed(new)
                raise ShuttingDown("The router is closing and takes no other configuration.")
            # From here on nothing is awaited: a request sees all of the old configuration or all of the new.
            self._retire({name: one for name, one in self._providers.items() if built.providers.get(name) is not one})
            self._providers, self._chains, self._policy = dict(built.providers), chains, config.policy
            self._adopt(built)
            self._shared = evolve(shared, emit=self._telling(asyncio.get_running_loop()))
            if self._transport is None:
                shared.http.pace = evolve(shared.http.pace, connect=config.policy.connect_timeout)
            for name, provider in new.items():
                shared.health.changed(name, provider.settings.max_in_flight)

    def _adopt(self, built: Built) -> None:
        self._built = built
        self._choose = lambda request: built.config.chain_for(request).name

    def _retire(self, providers: Mapping[str, Provider]) -> None:
        task = asyncio.create_task(retired(providers, list(self._requests.values()), lambda: list(self._reaping)))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _reap(self, task: asyncio.Task[None], name: str) -> None:
        self._reaping.add(task)
        task.add_done_callback(self._reaping.discard)
        loop = asyncio.get_running_loop()
        warn = loop.call_later(REAP, log.warning, "attempt %s has not ended %.0f s after it was cancelled", name, REAP)
        task.add_done_callback(lambda _: warn.cancel())

    # Asking

    async def generate(
        self,
        prompt: str | ImageRequest,
        *,
        chain: str | None = None,
        timeout: float | None = None,
        into: str | PathLike[str] | None = None,
        size: str | Size | None = None,
        aspect_ratio: str | None = None,
        n: int = 1,
        references: Iterable[Reference | bytes | bytearray | memoryview | str | PathLike[str] | BinaryIO] = (),
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
            size: `"4K"`, `"2048x2048"`, `"2K 16:9"`; None leaves it to the provider.
            aspect_ratio: `"16:9"`, beside a class.
            n: how many; cut into parts that run at once under the shared deadline and `max_cost`.
            references: pictures to edit or follow.
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
        shared = self._open()
        check_limits(timeout=timeout, chain=chain, overrides=overrides)
        fields = {
            "size": size,
            "aspect_ratio": aspect_ratio,
            "n": n,
            "references": references,
            "output_format": output_format,
            "sensitive": sensitive,
            "tags": tags,
            "extra": extra,
        }
        request = request_of(prompt, fields)
        check_extra(request.extra, self._known_names())
        with self._in_flight(shared):
            return await fulfil(
                request,
                shared=shared,
                chain=self._chain(request, chain),
                timeout=timeout,
                into=path_of(into),
                overrides=overrides,
                request_id=new_id(self._ids, self._id_prefix),
            )

    @contextmanager
    def _in_flight(self, shared: Shared) -> Iterator[None]:
        """Let `aclose`, and whoever closes providers after a reload, know when a request has ended."""
        if shared.closing.is_set():
            raise ShuttingDown("The router is closing and takes no new requests.")
        task = asyncio.current_task()
        assert task is not None
        ended = self._requests[task] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            del self._requests[task]
            ended.set_result(None)

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
        shared, owner = self._open(), self._providers[self._known(provider)]
        if not isinstance(owner, JobProvider):
            raise ValueError(f"provider {provider!r} takes no jobs")  # noqa: TRY004 - a wrong name, not a wrong type
        chain = Chain.of(provider, [Member.of(provider, owner)], Policy())
        (contender,) = contenders(chain, ANYTHING, chain.policy, shared.health, {})
        claim = Claim(
            request_id=new_id(self._ids, self._id_prefix),
            ends_at=_now() + (contender.candidate.timeout if timeout is None else timeout),
            http=shared.http,
        )
        facts = job if isinstance(job, Mapping) else asdict(job)
        with self._in_flight(shared):
            return await collect(owner, facts, contender=contender, claim=claim)

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
        shared = self._open()
        found = self._chain(request, chain)
        policy = found.policy.overlaid(overrides)
        parts = cut(request, found)
        ready: tuple[Contender, ...] = contenders(found, parts[0], policy, shared.health, overrides)
        now = _now()
        view = View(
            now=now,
            deadline=now,
            candidates=tuple(contender.candidate for contender in ready),
            standings=tuple(shared.health.standing(contender.keys, now) for contender in ready),
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
        )

    def health(self) -> tuple[HealthEntry, ...]:
        """Tell every breaker's state, since when and why; holds, slots, and what is disabled."""
        return self._open().health.report(_now())

    def disable(self, provider: str) -> None:
        """Take a provider out of every chain until `enable`; attempts in flight go on."""
        self._open().health.disable(self._known(provider))

    def enable(self, provider: str) -> None:
        """Put a provider back that was disabled."""
        self._open().health.enable(self._known(provider))

    def _known_names(self) -> Collection[str]:
        """Give every provider's name, those of the configuration that are not enabled included."""
        return self._built.config.providers.keys() | self._providers.keys() if self._built else self._providers.keys()

    def _known(self, provider: str) -> str:
        if provider not in self._providers:
            raise ValueError(f"there is no provider {provider!r}; there are {', '.join(sorted(self._providers))}")
        return provider


def _now() -> float:
    return asyncio.get_running_loop().time()


def _said_chains(config: Config) -> dict[str, tuple[Sequence[str], Policy]]:
    return {name: (chain.providers, chain.policy) for name, chain in config.chains.items()}
