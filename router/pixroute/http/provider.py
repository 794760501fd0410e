"""The base of every provider that speaks HTTP: a plugin says what to send and how to read it, this does the rest."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

from attrs import evolve

from pixroute.http.attempt import HttpAttempt, shown, without_secrets
from pixroute.http.body.echoes import without_echoes
from pixroute.http.body.pictures import deliver
from pixroute.http.body.sinks import Sinks
from pixroute.http.call import Auth, Call, Details, HttpSettings, Item, Part, Reply
from pixroute.http.endpoint import Endpoint
from pixroute.http.judging.answered import request_id_in
from pixroute.http.judging.asked import RequestWords
from pixroute.http.judging.envelope import carries_error, failure_from, says_error
from pixroute.http.judging.lack import lack
from pixroute.http.judging.pictureless import flagged, pictureless
from pixroute.http.judging.tasks import asynchronous, task_in
from pixroute.http.tokens import Tokens
from pixroute.http.usage import one_shape, stated_price
from pixroute.http.wire.outgoing import Outgoing, outgoing
from pixroute.latency import Latency
from pixroute.outcome import Billing, Blame, Delivered, Failure, FailureKind, Outcome, Stage, Success
from pixroute.provider import RAISED_BY_PLUGINS, AttemptContext, Capabilities, Identity, Price
from pixroute.redact import quote
from pixroute.request import ImageRequest
from pixroute.secret import NoSecret, Secret

S = TypeVar("S", bound=HttpSettings)

UNREADABLE = (KeyError, IndexError, TypeError, ValueError, AttributeError)
"""What comes out of reading a document that has another shape."""

_UNAUTHORIZED = 401

log = logging.getLogger("pixroute.http")


class HttpProvider(ABC, Generic[S]):
    """A provider spoken to over HTTP.

    A plugin implements `capabilities`, `encode` and `decode`, all pure; `classify` and `details` may be added. The
    attributes `auth`, `price`, `latency` and `advice` are tables.

    Raises:
        ValueError: the settings lack a base URL or key, or would send the key in clear without saying so.
    """

    auth: Auth | None = Auth()
    """How the key is sent; None: there is no key."""
    price: Price | None = None
    latency: Latency = Latency()
    advice: Mapping[FailureKind, str] = MappingProxyType({})
    """What to tell beside a kind of failure, in place of the general advice."""
    recommendation: str = ""
    """What its plugin would set otherwise; `pixroute check` tells it."""
    server_errors: Billing = Billing.FREE
    """What an answered server error costs: free as a rule, AMBIGUOUS where the upstream does not say."""
    polls = False
    """Whether it asks for a task until it is done: `JobProvider` does."""
    tokens: Tokens | None = None
    """Where its key comes from if it ends: set before `HttpProvider.__init__`; None: `api_key` is the key."""
    has_door = True
    """Its words lose the secrets where they come in; those of other providers with secrets lose them in the router."""
    versions: tuple[str, ...] | None = None
    """How the path of its `base_url` ends, the usual first: `("/v1",)`; `("",)`: without a version. None: as it likes.

    `pixroute check` warns of other forms.
    """
    models_path: str | None = None
    """Where it lists its models, free and refused to a wrong key: `pixroute check --online` asks it. None: nowhere."""
    lists_model = True
    """Whether that list names what `model` says."""

    awaits_only_ours: ClassVar[bool] = True
    """Whether nothing of a plugin's is awaited in an attempt: then it needs no task of its own (semantics §7)."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        awaited = ("generate", "_run_attempt", "_ask", "_answer", "_conclude", "_collect")
        cls.awaits_only_ours = all(getattr(cls, name).__module__.startswith("pixroute.http.") for name in awaited)

    def __init__(self, name: str, settings: S) -> None:
        self.name = name
        self.settings = settings
        self._fingerprint = ""
        try:
            tokens = None if self.tokens is None else Secret(self.tokens.held)
            self.endpoint = self._place = Endpoint.of(settings, self.auth, tokens)
        except ValueError as error:
            raise ValueError(f"provider {name!r}: {error}") from None

    # What a plugin says

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """Tell what it can do."""

    @abstractmethod
    def encode(self, request: ImageRequest) -> Call:
        """Write the request as a call.

        Raises:
            ValueError: this request cannot be expressed; nothing is sent. The capabilities should not have admitted
                it: the conformance kit calls that a mistake of theirs.
        """

    @abstractmethod
    def decode(self, reply: Reply) -> Sequence[Item]:
        """Find the pictures in a 2xx answer: bytes, base64 text, a data URI or a URL; a `Failure` for one refused.

        It is not asked where the body is a picture itself (`reply.picture`), which is taken as it is.
        A KeyError, IndexError, TypeError or ValueError means that there is none.
        """

    def classify(self, reply: Reply) -> Failure | None:  # noqa: ARG002 - for plugins to override
        """Recognise what only this upstream says so, in an answer of any status: a refusal inside a 200, say."""
        return None

    def details(self, reply: Reply) -> Details:  # noqa: ARG002 - for plugins to override
        """Read what a 2xx answer tells beside its pictures."""
        return Details()

    # What the router asks

    @property
    def model(self) -> str | None:
        """The model asked, as it is called upstream."""
        return self.settings.model or None

    @property
    def identity(self) -> Identity:
        """Who it shares its fate with: by default whoever has the same key, model and api."""
        account = self.credential() or self.endpoint.origin
        named = (account, self.model, getattr(self.settings, "api", None))
        return Identity(
            upstream=self.settings.upstream or "/".join(part for part in named if part),
            account=account,
            origin=self.endpoint.origin,
            plaintext=self.endpoint.plaintext,
        )

    def credential(self) -> str:
        """Give the fingerprint of the key as it is now; a hold ends when it changes. Empty without a key.

        While its source has none, the one before stands: that is no change.
        """
        if self.tokens is not None:
            return self.tokens.account
        if self.settings.api_key is not None:
            with suppress(Exception):  # a source is anybody's code; an attempt tells what is wrong with it
                self._fingerprint = self.settings.api_key.fingerprint
        return self._fingerprint

    async def start(self) -> None:
        """Do nothing: connections are made when they are needed."""

    async def aclose(self) -> None:
        """Do nothing: connections are the router's."""

    async def place(self) -> Endpoint:
        """Give its place on the network with the key as it is now; one that ends is fetched first.

        Raises:
            NoSecret: there is no key that can be sent; the text may be shown.
        """
        if self.tokens is not None:
            await self.tokens.ready()
        self._place = self._place.now()
        return self._place

    async def generate(self, request: ImageRequest, attempt: AttemptContext) -> Outcome:
        """Send the request, judge the answer, collect the pictures."""
        return await self._run_attempt(attempt, partial(self._ask, request))

    async def _run_attempt(self, attempt: AttemptContext, work: Callable[[HttpAttempt], Awaitable[Outcome]]) -> Outcome:
        """Do the work of an attempt with the key as it is now; whatever comes of it, an exception too, is a value."""
        try:
            http_attempt = HttpAttempt(attempt, await self.place())
        except NoSecret as error:
            return self._advised(_no_key(self.name, error))
        try:
            outcome = await work(http_attempt)
        except RAISED_BY_PLUGINS as error:  # a plugin's code may raise anything, and its text may hold the key
            outcome = self._raised(error, http_attempt)
        if self.tokens is not None and isinstance(outcome, Failure) and outcome.status == _UNAUTHORIZED:
            self.tokens.refused()
        outcome = without_secrets(outcome, http_attempt.sanitizer)
        return self._advised(outcome)

    def _advised(self, outcome: Outcome) -> Outcome:
        """Give this provider's advice where it has one."""
        if isinstance(outcome, Success):
            failures = tuple(map(self._advise, outcome.failures))
            return evolve(outcome, failures=failures) if failures else outcome
        return self._advise(outcome)

    def _advise(self, failure: Failure) -> Failure:
        advice = self.advice.get(failure.kind) if failure.blame is not Blame.OURS else None
        return failure if advice is None else evolve(failure, advice=advice)

    def _raised(self, error: BaseException, http_attempt: HttpAttempt) -> Failure:
        """Make a failure of what was raised: of this machine's lack, or of a bug, which before sending is ours too."""
        if (lacks := lack(error, http_attempt.stage)) is not None:
            return lacks
        fields = {"provider": self.name, "attempt": http_attempt.request_id, "error": type(error).__name__}
        log.error("provider %s raised\n%s", self.name, http_attempt.sanitizer.traceback(error), extra=fields)
        sent = http_attempt.stage >= Stage.SEND
        return Failure(
            kind=FailureKind.UNKNOWN,
            message=f"The provider's code raised {type(error).__name__}{'' if sent else ' before anything was sent'}.",
            advice="This is a bug of the plugin; its text is in the log.",
            stage=http_attempt.stage,
            billing=Billing.AMBIGUOUS if sent else Billing.FREE,
            blame=Blame.PROVIDER if sent else Blame.OURS,
        )

    async def _ask(self, request: ImageRequest, http_attempt: HttpAttempt) -> Outcome:
        http_attempt.asked = partial(RequestWords.of, request, self.name)
        write = partial(self._outgoing, request, http_attempt)
        try:
            # References are written in a thread: megabytes of base64 and JSON would hold up every other request.
            first = await asyncio.to_thread(write) if request.references else write()
        except ValueError as error:
            return _inexpressible(self.name, error)
        with Sinks(http_attempt.into, wanted=request.n, references=request.pictures) as sinks:
            return await self._answer(first, request, http_attempt, sinks)

    async def _answer(self, first: Outgoing, request: ImageRequest, http_attempt: HttpAttempt, sinks: Sinks) -> Outcome:
        began = asyncio.get_running_loop().time()
        reply = await http_attempt.http.exchange(
            first, endpoint=http_attempt.endpoint, attempt=http_attempt.context, sinks=sinks, pictures=request.n
        )
        if isinstance(reply, Failure):
            return reply
        reply = without_echoes(reply, sinks.references) if sinks.references else reply
        told = shown(reply, http_attempt.sanitizer)
        refusal = self._refusal(told, began=began, asked=http_attempt.asked)
        return refusal or await self._conclude(reply, told, http_attempt, sinks)

    async def _conclude(self, reply: Reply, told: Reply, http_attempt: HttpAttempt, sinks: Sinks) -> Outcome:
        """Make an outcome of the 2xx answer to the request; `told` is the answer as it may be shown."""
        return await self._collect(reply, told, http_attempt, sinks)

    def _refusal(
        self, reply: Reply, *, began: float | None = None, asked: Callable[[], RequestWords] = RequestWords
    ) -> Failure | None:
        """Judge an answer that is not what was asked for; None if it may be. `began`: when it was asked for."""
        failure = self._classified(reply)
        if failure is None and (not reply.ok or carries_error(reply.json)):
            elapsed = None if began is None else asyncio.get_running_loop().time() - began
            failure = failure_from(
                reply, stage=Stage.BODY, who=self.name, elapsed=elapsed, now=time.time(), asked=asked()
            )
        if failure is None:
            failure = flagged(reply, who=self.name)
        if failure is None:
            return None
        if failure.kind is FailureKind.MODERATED and reply.ok and self.capabilities().bills_refusals:
            failure = evolve(failure, billing=Billing.BILLED)
        if failure.kind is FailureKind.SERVER_ERROR and failure.billing is Billing.FREE:
            failure = evolve(failure, billing=self.server_errors)
        return evolve(failure, answered=True)

    async def _collect(self, reply: Reply, told: Reply, http_attempt: HttpAttempt, sinks: Sinks) -> Outcome:
        """Resolve the items of an answer; some good ones among bad make a success."""
        if reply.json is None and reply.picture is None:
            return self._empty(
                told, f"no JSON ({told.headers.get('content-type', 'no type given')})", http_attempt.asked
            )
        try:
            items = [reply.picture] if reply.picture else list(self.decode(reply))
            if told is not reply and not reply.picture:
                # What is fetched is taken as it was given, what is said as it may be shown.
                words = self.decode(told)
                items = [two if isinstance(two, Failure) else one for one, two in zip(items, words, strict=True)]
        except UNREADABLE as error:
            log.debug("provider %s: `decode` raised %s", self.name, type(error).__name__, extra=self._fields(error))
            return self._empty(told, "it has another shape than expected", http_attempt.asked)
        if not items:
            return self._empty(told, "it lists none", http_attempt.asked)
        found = await deliver(items, endpoint=http_attempt.endpoint, attempt=http_attempt.context, sinks=sinks)
        pictures = [one for one in found if isinstance(one, Delivered)]
        failures = [one for one in found if isinstance(one, Failure)]
        if not pictures:
            empty = all(failure.kind is FailureKind.EMPTY for failure in failures)
            said = empty and (says_error(told.json) or task_in(told) is not None)
            return self._empty(told, "it holds none", http_attempt.asked) if said else failures[0]
        if (stated := stated_price(told.json)) is not None:
            http_attempt.context.note(stated_price=str(stated))
        return self._success(told, pictures, failures, http_attempt, surplus=len(items) - len(found))

    def _empty(self, reply: Reply, why: str, asked: Callable[[], RequestWords] = RequestWords) -> Failure:
        """Explain a 2xx without a picture: by the task it names, by what it says, else by what it is."""
        task = None if self.polls else asynchronous(reply, who=self.name)
        return task or pictureless(reply, who=self.name, why=why, now=time.time(), asked=asked())

    def _classified(self, reply: Reply) -> Failure | None:
        try:
            return self.classify(reply)
        except UNREADABLE as error:
            # It expected another shape. That must not hide a plain 503 whose body is some proxy's page.
            log.warning("provider %s: `classify` raised %s", self.name, type(error).__name__, extra=self._fields(error))
            return None

    def _success(
        self,
        reply: Reply,
        pictures: list[Delivered],
        failures: list[Failure],
        http_attempt: HttpAttempt,
        *,
        surplus: int,
    ) -> Success:
        details = self._details(reply)
        if details.served_by:
            http_attempt.note(served_by=details.served_by)
        if any(details.revised_prompts):
            pictures = [
                evolve(one, revised_prompt=text) if text else one
                for one, text in zip_longest(pictures, details.revised_prompts[: len(pictures)])
            ]
        return Success(
            pictures=tuple(pictures),
            failures=tuple(failures),
            surplus=surplus,
            model=details.model,
            usage=one_shape(details.usage),
            cost=details.cost,
            currency=details.currency,
            provider_request_id=request_id_in(reply.headers),
        )

    def _fields(self, error: BaseException) -> dict[str, str]:
        return {"provider": self.name, "error": type(error).__name__}

    def _details(self, reply: Reply) -> Details:
        try:
            return self.details(reply)
        except UNREADABLE as error:
            # A picture that was paid for is not thrown away for what stands beside it.
            text = "provider %s: the details of an answer could not be read (%s)"
            log.warning(text, self.name, type(error).__name__, extra=self._fields(error))
            return Details()

    def _outgoing(self, request: ImageRequest, http_attempt: HttpAttempt) -> Outgoing:
        return outgoing(self._call(request), http_attempt.endpoint, http_attempt.request_id, http_attempt.traceparent)

    def _call(self, request: ImageRequest) -> Call:
        """Encode, and add what the request has for this provider."""
        call, extra = self.encode(request), request.extra.get(self.name)
        if not extra:
            return call
        if call.form is None:
            return evolve(call, json=_merged(call.json or {}, extra))
        return evolve(call, form=(*call.form, *(Part(name=name, value=str(value)) for name, value in extra.items())))


def _no_key(name: str, error: NoSecret) -> Failure:
    return Failure(
        kind=FailureKind.AUTH,
        message=f"The key of {name} cannot be used: {str(error).rstrip('.')}.",
        advice="Look at where `api_key` comes from; nothing was sent, nothing is billed.",
        stage=Stage.QUEUED,
        billing=Billing.FREE,
        blame=Blame.OURS,
    )


def _inexpressible(name: str, error: ValueError) -> Failure:
    return Failure(
        kind=FailureKind.INVALID,
        message=f"{name} cannot express this request: {quote(str(error)).rstrip('.')}.",
        advice="Nothing was sent; another provider may be able to.",
        stage=Stage.QUEUED,
    )


def _merged(document: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Add fields, object within object."""
    both = {name: (document[name], extra[name]) for name in document.keys() & extra.keys()}
    inner = {name: _merged(*pair) for name, pair in both.items() if all(isinstance(one, Mapping) for one in pair)}
    return {**document, **extra, **inner}
