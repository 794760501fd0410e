"""A chain and what a request makes of it: every provider with its fit, its times, its price, its keys."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import inf
from typing import Any, Literal

from attrs import evolve, field, frozen

from pixroute.fit import Fit, Unfit, fit
from pixroute.health.latency import LearnedLatency
from pixroute.health.registry import Health
from pixroute.health.scopes import Keys
from pixroute.latency import Latency, Quantiles
from pixroute.outcome import Failure, Outcome, Success
from pixroute.policy import ByResolution, Policy, partial_timeouts
from pixroute.provider import RAISED_BY_PLUGINS, Capabilities, Identity, Price, Provider
from pixroute.request import RESOLUTIONS, ImageRequest, Resolution, Size
from pixroute.result import Adjustment
from pixroute.routing.groups import GroupTurns
from pixroute.routing.view import Candidate, Verdict
from pixroute.sanitizer import sanitizer_for, secrets_of

log = logging.getLogger("pixroute.routing")

MOST_SHAPES = 256
"""Shapes of requests, for each provider, that a chain keeps prepared: a caller may ask for any number of sizes."""


@frozen(kw_only=True)
class Member:
    """A provider as a member of chains: what does not change between requests.

    `broken`: what it tells of itself could not be read; it is asked again for every request. `told` holds what the log
    was told of its plugin. `guarded`: it has secrets and no door of its own, so its words are cleaned where they come.
    `group`: a number that it has in common with the others of its group.
    """

    name: str
    provider: Provider
    model: str | None = None
    identity: Identity
    keys: Mapping[Resolution, Keys]
    attempt_timeout: ByResolution | None = None
    hedge_after: float | Literal["off"] | None = None
    price: Price | None = None
    latency: Latency = field(factory=Latency)
    waits_when_full: bool = True
    broken: bool = False
    guarded: bool = False
    group: int | None = None
    logged: set[str] = field(factory=set, eq=False)

    @classmethod
    def of(cls, name: str, provider: Provider, logged: set[str] | None = None) -> Member:
        """Read a provider's settings once."""
        logged = set() if logged is None else logged
        try:
            return cls._read(name, provider, logged)
        except RAISED_BY_PLUGINS as error:  # a plugin's code: it bars itself and nobody else
            _log_once(name, provider, logged, error)
            identity = Identity(upstream=name, account=name)
            keys = {each: _keys(name, identity, each, None) for each in RESOLUTIONS}
            return cls(name=name, provider=provider, identity=identity, keys=keys, broken=True, logged=logged)

    @classmethod
    def _read(cls, name: str, provider: Provider, logged: set[str]) -> Member:
        settings, identity = provider.settings, provider.identity
        if settings.upstream:
            identity = evolve(identity, upstream=settings.upstream)
        return cls(
            name=name,
            provider=provider,
            model=provider.model,
            identity=identity,
            keys={each: _keys(name, identity, each, settings.max_in_flight) for each in RESOLUTIONS},
            attempt_timeout=settings.attempt_timeout,
            hedge_after=settings.hedge_after,
            price=settings.price or provider.price,
            latency=settings.latency_over(provider.latency),
            waits_when_full=settings.when_full == "wait",
            guarded=not getattr(provider, "has_door", False) and any(True for _ in secrets_of(settings)),
            logged=logged,
        )

    def now(self) -> Member:
        """Give it as it is now: read again if it could not be read."""
        return evolve(Member.of(self.name, self.provider, self.logged), group=self.group) if self.broken else self

    def can_serve(self, request: ImageRequest) -> Capabilities | None:
        """Tell what it can do if it could make one such picture, whatever its health; None if it could not."""
        try:
            can = self.provider.capabilities()
            return can if isinstance(fit(request, can), Fit) else None
        except RAISED_BY_PLUGINS as error:  # as in `of`
            _log_once(self.name, self.provider, self.logged, error)
            return None


@frozen(kw_only=True)
class Chain:
    """An ordered list of providers and the policy they are tried under; all prices are in one currency.

    `groups` are those of its steps that several providers share.
    """

    name: str
    members: tuple[Member, ...]
    policy: Policy
    currency: str = "USD"
    groups: tuple[GroupTurns, ...] = ()
    _ready: dict[tuple[object, ...], tuple[PreparedProvider, ...]] = field(
        factory=dict, init=False, eq=False, repr=False
    )

    @classmethod
    def of(cls, name: str, members: Sequence[Member], policy: Policy, groups: tuple[GroupTurns, ...] = ()) -> Chain:
        """Put members in order, `groups` in their places among them.

        Raises:
            ValueError: their prices are in different currencies.
        """
        currencies = sorted({member.price.currency for member in members if member.price is not None})
        if len(currencies) > 1:
            raise ValueError(f"chain {name!r} mixes the currencies {', '.join(currencies)}; give all prices in one")
        own = {place: group.places.start for group in groups for place in group.places}
        placed = tuple([evolve(one, group=own[at]) if at in own else one for at, one in enumerate(members)])
        return cls(name=name, members=placed, policy=policy, currency=next(iter(currencies), "USD"), groups=groups)

    def ready(self, request: ImageRequest, health: Health) -> tuple[PreparedProvider, ...]:
        """Prepare every member under the chain's own policy: once for each shape of a request, but for learned times.

        The shape is all that decides but the prompt's length; a reload brings chains that have prepared nothing yet.
        """
        formats = [one.format for one in request.pictures] if request.references else ()
        shape = (request.size, request.n, request.sensitive, request.mask is None, *formats)
        before = self._ready.get(shape)
        if before is None or not all(one.still_serves(request) for one in before):
            return self._prepared(request, health, shape)
        found = tuple([now for one in before if (now := one.timed(health, self.policy)) is not None])
        if len(found) < len(before):
            return self._prepared(request, health, shape)
        self._ready[shape] = found
        return found

    def _prepared(
        self, request: ImageRequest, health: Health, shape: tuple[object, ...]
    ) -> tuple[PreparedProvider, ...]:
        found = prepared_providers(self, request, self.policy, health, {})
        if len(self._ready) >= MOST_SHAPES:
            self._ready.clear()
        self._ready[shape] = found
        return found


@frozen(kw_only=True)
class PreparedProvider:
    """A provider for requests of one shape: the size it will be asked for, and what the planner needs of it."""

    member: Member
    size: Size | None
    candidate: Candidate
    keys: Keys
    learned: LearnedLatency
    unit_price: Decimal | None
    currency: str
    size_tolerance: float
    adjustments: tuple[Adjustment, ...] = ()
    unfit: str = ""
    prompt_too_long: bool = False

    @property
    def name(self) -> str:
        """The provider's name in the configuration."""
        return self.member.name

    @property
    def provider(self) -> Provider:
        """The provider."""
        return self.member.provider

    def asking(self, part: ImageRequest) -> ImageRequest:
        """Give a part of a request as this provider will be asked."""
        return part if part.size == self.size else part.altered(size=self.size)

    def still_serves(self, request: ImageRequest) -> bool:
        """Tell whether it can do what it could, and whether neither this prompt nor that before is too long for it.

        One whose plugin raised is asked again.
        """
        before = self.candidate.abilities
        try:
            can = self.provider.capabilities()
        except RAISED_BY_PLUGINS:  # whoever prepares it anew tells of it
            return False
        if not isinstance(before, Capabilities) or (can is not before and can != before):
            return False
        return not self.prompt_too_long and (can.max_prompt is None or len(request.prompt) <= can.max_prompt)

    def timed(self, health: Health, policy: Policy) -> PreparedProvider | None:
        """Give it with the times as they are learned now; None where nothing was learned yet."""
        learned, before = health.learned(self.keys), self.candidate
        if learned is None:
            return None
        expected = learned.quantiles
        if learned is self.learned and expected is before.expected:
            return self
        candidate = Candidate(
            name=before.name,
            upstream=before.upstream,
            account=before.account,
            timeout=before.timeout,
            expected=expected,
            known=learned.learned or self.keys.resolution in self.member.latency.table,
            hedge_after=_hedge_after(self.member, policy, {}, expected),
            price=before.price,
            barred=before.barred,
            abilities=before.abilities,
            waits_when_full=before.waits_when_full,
            group=before.group,
        )
        return evolve(self, candidate=candidate, learned=learned)

    def kept(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Give what an attempt notes as it may be kept."""
        return sanitizer_for(self.provider.settings).facts(facts) if self.member.guarded else facts

    def cleaned(self, outcome: Outcome) -> Outcome:
        """Give an outcome as it may be kept and shown."""
        if not self.member.guarded or not isinstance(outcome, Success | Failure):
            return outcome
        from pixroute.http.attempt import without_secrets  # noqa: PLC0415 - most providers bring a door of their own

        return without_secrets(outcome, sanitizer_for(self.provider.settings))

    def log_bug(self, error: BaseException) -> None:
        """Tell of a plugin's bug, with its traceback; the text of foreign exceptions goes nowhere else."""
        text = sanitizer_for(self.provider.settings).traceback(error)
        fields = {"provider": self.name, "error": type(error).__name__}
        log.error("provider %s raised\n%s", self.name, text, extra=fields)


def _keys(name: str, identity: Identity, resolution: Resolution, max_in_flight: int | None) -> Keys:
    return Keys(
        provider=name,
        upstream=identity.upstream,
        account=identity.account,
        origin=identity.origin,
        resolution=resolution,
        max_in_flight=max_in_flight,
    )


def prepared_providers(
    chain: Chain, request: ImageRequest, policy: Policy, health: Health, overrides: Mapping[str, object]
) -> tuple[PreparedProvider, ...]:
    """Prepare every provider of the chain for one part; `overrides` holds what the request itself says of policy."""
    ready = []
    for each in chain.members:
        member = each.now()
        try:
            if not member.broken:
                ready.append(_prepared(member, request, policy, health, overrides, chain.currency))
                continue
        except RAISED_BY_PLUGINS as error:  # a plugin's code: it bars itself and nobody else
            _log_once(member.name, member.provider, member.logged, error)
        ready.append(_barred_for_its_bug(member, request, policy, health, chain.currency))
    return tuple(ready)


def _log_once(name: str, provider: Provider, logged: set[str], error: BaseException) -> None:
    """Tell of a plugin's bug outside an attempt, once of each kind."""
    kind = type(error).__name__
    if kind in logged:
        return
    logged.add(kind)
    try:
        text = sanitizer_for(provider.settings).traceback(error)
    except RAISED_BY_PLUGINS:  # its settings may be what raises: then nobody knows its secrets
        text = kind
    sentence = "provider %s raised before anything was sent: it is passed over (told once)\n%s"
    log.error(sentence, name, text, extra={"provider": name, "error": kind})


def _barred_for_its_bug(
    member: Member, request: ImageRequest, policy: Policy, health: Health, currency: str
) -> PreparedProvider:
    keys, timeout = member.keys[request.resolution], policy.attempt_timeout[request.resolution]
    learned = health.latency(keys, Latency().at(request.resolution, timeout))
    return PreparedProvider(
        member=member,
        size=request.size,
        candidate=Candidate(
            name=member.name,
            upstream=member.identity.upstream,
            account=member.identity.account,
            timeout=timeout,
            expected=learned.quantiles,
            hedge_after=inf,
            price=None,
            barred=Verdict.BROKEN,
        ),
        keys=keys,
        learned=learned,
        unit_price=None,
        currency=currency,
        size_tolerance=0.0,
    )


def _prepared(  # noqa: PLR0917 - one call site, in the same file
    member: Member,
    request: ImageRequest,
    policy: Policy,
    health: Health,
    overrides: Mapping[str, object],
    currency: str,
) -> PreparedProvider:
    can = member.provider.capabilities()
    fitted = fit(request, can, upgrade=policy.upgrade)
    unfit, resolution = (fitted.reason, request.resolution) if isinstance(fitted, Unfit) else ("", fitted.resolution)
    keys, timeout = member.keys[resolution], _timeout(member, resolution, policy, overrides)
    learned = health.latency(keys, member.latency.at(resolution, timeout), member.latency.least(resolution, timeout))
    unit_price = member.price.at(resolution) if member.price else None
    return PreparedProvider(
        member=member,
        size=request.size if isinstance(fitted, Unfit) else fitted.request.size,
        candidate=Candidate(
            name=member.name,
            upstream=member.identity.upstream,
            account=member.identity.account,
            timeout=timeout,
            expected=learned.quantiles,
            known=resolution in member.latency.table or learned.learned,
            hedge_after=_hedge_after(member, policy, overrides, learned.quantiles),
            price=None if unit_price is None else unit_price * request.n,
            barred=_barred(member, request, policy, unfit=unfit),
            abilities=can,
            waits_when_full=member.waits_when_full,
            group=member.group,
        ),
        keys=keys,
        learned=learned,
        unit_price=unit_price,
        currency=currency,
        size_tolerance=can.size_tolerance,
        adjustments=() if isinstance(fitted, Unfit) else fitted.adjustments,
        unfit=unfit,
        prompt_too_long=len(request.prompt) > (can.max_prompt or inf),
    )


def _timeout(member: Member, resolution: Resolution, policy: Policy, overrides: Mapping[str, object]) -> float:
    """Give an attempt's time-out: the request's for this resolution, else the provider's, else the policy's."""
    asked = overrides and partial_timeouts(overrides.get("attempt_timeout"))
    if not asked or resolution not in asked:
        return (member.attempt_timeout or {}).get(resolution, policy.attempt_timeout[resolution])
    return policy.attempt_timeout[resolution]  # where the request's own already stands


def _hedge_after(member: Member, policy: Policy, overrides: Mapping[str, object], expected: Quantiles) -> float:
    own = member.hedge_after if "hedge_after" not in overrides else None
    factor = own if own is not None else policy.hedge_after
    return inf if isinstance(factor, str) else factor * expected.p99


def _barred(member: Member, request: ImageRequest, policy: Policy, *, unfit: str) -> Verdict | None:
    if unfit:
        return Verdict.UNSUPPORTED
    if not member.provider.settings.enabled:
        return Verdict.DISABLED
    if member.identity.plaintext and (request.sensitive or policy.sensitive):
        return Verdict.PLAINTEXT
    return None
