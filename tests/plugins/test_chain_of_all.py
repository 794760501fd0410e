"""A chain of all types over the emulator's sockets: each fails in each of its documented ways, and the bill is right.

What a picture costs stands here once more, from the services' lists (docs/provider-types.md) and not from the plugins'
tables: the emulator counts what it would charge, and that, in money, is what we say.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import field, frozen

from pixroute.http.pace import Pace
from pixroute.http.transport import Transport
from pixroute.outcome import Billing, FailureKind
from pixroute.plugins import load_plugins, resolve
from pixroute.policy import Policy, RetryPolicy
from pixroute.provider import Price
from pixroute.routing.router import Router
from pixroute.secret import Secret
from pixroute.testing.emulator import Emulator

pytestmark = pytest.mark.slow  # hundreds of calls over sockets, and pictures that are drawn

K = FailureKind
PLUGINS = load_plugins()


@frozen(kw_only=True)
class Played:
    """A type on the emulator: where, which calls its faults strike, what one picture costs there."""

    path: str
    struck: str
    bill: str
    own: dict = field(factory=dict)
    contract: bool = False
    jobs: bool = False
    refusals: tuple[str, ...] = ()
    more: dict = field(factory=dict)


CONTRACT = "0.053"
"""Where the list goes by tokens or by model, a contract says the price of a picture."""
PLAYED = {
    "nano-banana-pro-http": Played(
        path="", struck="images/banana", bill="0.09", own={"api": "images"}, refusals=("own", "moderated")
    ),
    "openrouter": Played(path="/api/v1", struck="openrouter", bill="0.03422675", refusals=("flagged",)),
    "fal": Played(
        path="",
        struck="fal",
        bill="0.025",
        jobs=True,
        refusals=("policy",),
        more={
            "job-failed": K.SERVER_ERROR,
            "nsfw-flag": K.MODERATED,
            "fal-own-limit": K.TIMEOUT,
            "fal-runner-late": K.SERVER_ERROR,
        },
    ),
    "vertex": Played(
        path="/v1beta1", struck="vertex", bill="0.134", own={"project": "one"}, refusals=("image-safety", "blocked")
    ),
    "azure-openai": Played(
        path="",
        struck="azure",
        bill=CONTRACT,
        contract=True,
        refusals=("content-filter", "content-policy"),
        more={"forbidden:variant=blocked": K.FORBIDDEN},
    ),
    "xai": Played(path="/v1", struck="grok", bill="0.02", refusals=("flag",), more={"refused:shape=dropped": K.EMPTY}),
    "replicate": Played(
        path="/v1",
        struck="replicate",
        bill=CONTRACT,
        contract=True,
        jobs=True,
        refusals=("nsfw",),
        more={"job-failed": K.SERVER_ERROR},
    ),
    "bfl": Played(
        path="/v1",
        struck="bfl",
        bill="0.03",
        jobs=True,
        refusals=("request", "content"),
        more={"job-failed": K.SERVER_ERROR},
    ),
    "stability": Played(
        path="/v2beta", struck="stability", bill="0.03", refusals=("moderation",), more={"blurred": K.MODERATED}
    ),
    "dashscope": Played(
        path="/api/v1",
        struck="dashscope",
        bill="0.035",
        refusals=("inspection", "under-200"),
        more={"rate-limited:variant=under-200": K.RATE_LIMITED},
    ),
    "image-tasks": Played(
        path="/v1",
        struck="tasks",
        bill=CONTRACT,
        contract=True,
        refusals=("task",),
        more={"job-failed": K.SERVER_ERROR},
    ),
    "seedream": Played(path="/v1", struck="images/seedream", bill="0.04", refusals=("own",)),
    "gemini": Played(path="/v1beta", struck="native", bill="0.134", refusals=("own", "image-safety", "prohibited")),
    "openai-images": Played(
        path="/v1", struck="images/gpt-image", bill=CONTRACT, contract=True, refusals=("own", "moderation-blocked")
    ),
}
KINDS = {
    "overloaded": K.OVERLOADED,
    "rate-limited": K.RATE_LIMITED,
    "quota": K.QUOTA,
    "bad-key": K.AUTH,
    "forbidden": K.FORBIDDEN,
    "model-gone": K.MODEL_GONE,
    "invalid": K.INVALID,
    "server-error": K.SERVER_ERROR,
    "reset": K.DISCONNECTED,
    "nginx-504:after=0": K.PROXY_CUT,
    "wrong-size": K.UNDERSIZED,
    "truncated-image": K.BAD_IMAGE,
}
"""What befalls every service."""
NO_FAULT = {"seedream": ("wrong-size",)}
"""It makes 2K at least, of which the half is still what was asked."""
BY_ANSWER = {"openrouter"}
"""Whose price nobody knows before its answer: what did not come whole may have cost an unknown amount."""
POLICY = Policy(retry=RetryPolicy(quick=False, rounds=()), max_attempts=4, max_possibly_billed=4, on_moderated="next")
QUICK = Pace(first_poll=0.01, longest_poll=0.02, fetch=1.0, fetch_pause=0.01)


def provider(type_, emulator):
    played, spec = PLAYED[type_], PLUGINS.provider_type(type_)
    job = {"job_origins": (emulator.second_url,)} if played.jobs else {}
    price = {"price": Price(amounts={"other": Decimal(CONTRACT)})} if played.contract else {}
    settings = spec.settings(
        base_url=emulator.http_url + played.path,
        api_key=Secret(f"sk-emulated-{type_}"),
        plaintext="accept",
        allow_private_results=True,
        **job,
        **price,
        **played.own,
    )
    return resolve(spec.create)(type_, settings)


async def ask(emulator, chain):
    """Ask the chain through a router that knows nothing yet; give what came of it."""
    providers = {type_: provider(type_, emulator) for type_ in chain}
    async with Router(
        providers=providers, chains={"default": chain}, policy=POLICY, transport=Transport(pace=QUICK)
    ) as router:
        result = await router.generate("A lighthouse", size="1K")
    await emulator.idle()
    return result


def bills(emulator, since, attempts):
    """Give what the emulator charges for each attempt: its calls come in the attempts' order, each at its own price."""
    entries = emulator.ledger.entries[since:]
    assert len(entries) == len(attempts), "every attempt is one call for a picture"
    return [
        entry.billed * Decimal(PLAYED[attempt.provider].bill) for entry, attempt in zip(entries, attempts, strict=True)
    ]


def wrong_bill(attempt, bill):
    """Say what is wrong with our account of an attempt, given the emulator's; empty if nothing."""
    cost, due = attempt.cost, Decimal(PLAYED[attempt.provider].bill)
    if attempt.provider in BY_ANSWER and attempt.billing is Billing.AMBIGUOUS:
        due = None
    match attempt.billing:
        case Billing.FREE:
            right = (cost.certain, cost.possible, bill) == (0, 0, 0)
        case Billing.BILLED:
            right = (cost.certain, cost.possible) == (bill, 0) and bill > 0
        case _:
            right = (cost.certain, cost.possible) == (0, due) and (due is None or bill in {0, due})
    return "" if right else f"{attempt.provider}: {attempt.billing}, {cost}, and the emulator charges {bill}"


def faults_of(type_):
    """Give every documented way in which a type fails, and the kind that it is."""
    played = PLAYED[type_]
    kinds = {fault: kind for fault, kind in KINDS.items() if fault not in NO_FAULT.get(type_, ())}
    return {**kinds, **{f"refused:shape={shape}": K.MODERATED for shape in played.refusals}, **played.more}


@pytest.fixture
async def emulator():
    async with Emulator(time_scale=0, second=True) as running:
        yield running


@pytest.mark.parametrize("type_", PLAYED)
async def test_each_fails_in_each_of_its_ways(emulator, type_):
    """Right kind, right next, right bill, to the cent; then it is healed, and delivers for what it costs."""
    names = list(PLAYED)
    at = names.index(type_)
    chain, wrong = [*names[at:], *names[:at]], []
    for fault, kind in faults_of(type_).items():
        since = emulator.ledger.received
        emulator.set_fault(PLAYED[type_].struck, fault)
        attempts = (await ask(emulator, chain)).record.attempts
        emulator.set_fault(PLAYED[type_].struck, None)
        if [attempt.provider for attempt in attempts] != chain[:2]:
            wrong.append(f"{fault}: asked were {[attempt.provider for attempt in attempts]}")
            continue
        if attempts[0].kind is not kind:
            wrong.append(f"{fault}: {attempts[0].kind}, not {kind}: {attempts[0].failure}")
        charged = bills(emulator, since, attempts)
        wrong += [f"{fault}: {text}" for pair in zip(attempts, charged, strict=True) if (text := wrong_bill(*pair))]

    since = emulator.ledger.received
    result = await ask(emulator, chain)

    assert not wrong, "\n".join(wrong)
    assert (result.provider, result.cost.possible) == (type_, 0)
    assert [result.cost.certain] == bills(emulator, since, result.record.attempts) == [Decimal(PLAYED[type_].bill)]
