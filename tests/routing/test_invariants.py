"""Whatever providers do, the invariants hold (semantics §10): arbitrary chains, outcomes, times and policies."""

import asyncio
import os
from decimal import Decimal

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pixroute import Capabilities, FailureKind, PixrouteError, Policy
from pixroute.group import Group
from pixroute.outcome import Billing, Blame, Failure, Stage
from pixroute.policy import BreakerPolicy, RetryPolicy
from pixroute.testing import Act, FakeProvider, fail, fake_router, run_virtual
from pixroute.testing.invariants import Invariants

EXAMPLES = int(os.environ.get("PIXROUTE_EXAMPLES", "500"))
"""500 in CI; 20,000 at night: `PIXROUTE_EXAMPLES=20000 pytest tests/routing/test_invariants.py`."""

K = FailureKind
KINDS = [kind for kind in K if kind not in (K.SKIPPED, K.CANCELLED)]
SECONDS = st.sampled_from([0.0, 0.3, 2.0, 9.0, 12.0, 50.0, 130.0, 260.0, 400.0, 700.0])
HINTS = st.sampled_from([None, None, None, 2.0, 31.0, 120.0, 5000.0])


@st.composite
def acts(draw):
    """A picture, a failure of any kind, or silence."""
    what = draw(st.sampled_from(["picture", "picture", "fail", "fail", "fail", "silence"]))
    if what == "silence":
        return Act(seconds=float("inf"), stage=draw(st.sampled_from([Stage.CONNECT, Stage.WAIT, Stage.BODY])))
    if what == "picture":
        return Act(seconds=draw(SECONDS))
    kind = draw(st.sampled_from(KINDS))
    fields = {"hint": draw(HINTS)} if kind in (K.OVERLOADED, K.RATE_LIMITED, K.SERVER_ERROR, K.QUOTA) else {}
    if kind is K.MODERATED:
        fields["billing"] = draw(st.sampled_from([Billing.FREE, Billing.BILLED]))
    return fail(kind, draw(SECONDS), **fields)


@st.composite
def providers(draw):
    """One to four providers, some sharing upstreams, accounts and origins."""
    return {
        f"p{number}": {
            "script": draw(st.lists(acts(), min_size=1, max_size=4)),
            "upstream": draw(st.sampled_from(["u1", "u2", None])),
            "account": draw(st.sampled_from(["a1", "a2", None])),
            "origin": draw(st.sampled_from(["https://o1:443", None])),
            "plaintext": draw(st.sampled_from([False, False, True])),
            "price": draw(st.sampled_from(["0.09", "0.04", "0", None])),
            "latency": draw(st.sampled_from([(18.0, 27.0, 40.0), (120.0, 170.0, 250.0), None])),
            "max_in_flight": draw(st.sampled_from([None, None, 1, 2])),
            "when_full": draw(st.sampled_from(["wait", "spill"])),
            "resolutions": draw(st.sampled_from([{"1K", "2K", "4K"}, {"2K", "4K"}])),
        }
        for number in range(draw(st.integers(1, 4)))
    }


@st.composite
def chain_of(draw, names):
    """The providers in order, some of them next to each other in groups."""
    steps, left = [], list(names)
    if draw(st.booleans()):
        return left
    while left:
        size = draw(st.integers(1, len(left)))
        some, left = left[:size], left[size:]
        spread = draw(st.sampled_from(["single", "single", "in-turn", "least-busy", "shares"]))
        if spread == "single":
            steps += some
        else:
            shares = {name: draw(st.integers(1, 5)) for name in some} if spread == "shares" else spread
            steps.append(Group(any=some, spread=shares))
    return steps


POLICIES = st.builds(
    Policy,
    max_attempts=st.integers(1, 12),
    max_possibly_billed=st.integers(1, 3),
    hedge_after=st.sampled_from([1.5, 0.5, "off"]),
    on_moderated=st.sampled_from(["stop", "next"]),
    max_cost=st.sampled_from([None, None, Decimal("0.13")]),
    give_up_after=st.sampled_from([0.0, 20.0, 80.0, "deadline"]),
    retry=st.builds(RetryPolicy, quick=st.booleans(), rounds=st.sampled_from([(), (5.0, 15.0, 45.0)])),
    breaker=st.builds(
        BreakerPolicy,
        max_failures=st.sampled_from([2, 5]),
        max_overdue=st.sampled_from([1, 3]),
        overdue_share=st.sampled_from([0.0, 0.01, 0.5]),
        overdue_rate=st.sampled_from([0.0, 0.25, 1.0]),
        stall=st.sampled_from(["off", "observe", "open"]),
    ),
)


@st.composite
def operators(draw):
    """What an operator says, when, of which provider."""
    return {
        "at": draw(st.sampled_from([0.0, 1.0, 45.0, 150.0, 260.0, 600.0])),
        "provider": draw(st.integers(0, 3)),
        "act": draw(st.sampled_from(["open", "closed", "observe", "reset", "disable", "enable"])),
        "seconds": draw(st.sampled_from([None, 15.0, 300.0])),
        "scope": draw(st.sampled_from(["upstream", "origin"])),
        "resolution": draw(st.sampled_from([None, "2K", "4K"])),
    }


def say(router, names, word):
    """Say it."""
    name, act = names[word["provider"] % len(names)], word["act"]
    if act in ("reset", "disable", "enable"):
        getattr(router, act)(name)
    else:
        resolution = word["resolution"] if word["scope"] == "upstream" else None
        router.force(name, act, seconds=word["seconds"], scope=word["scope"], resolution=resolution)


@st.composite
def asks(draw):
    """When a request comes, what it wants, how long it may take, whether its caller goes away."""
    return {
        "at": draw(st.sampled_from([0.0, 0.5, 40.0, 200.0, 800.0])),
        "prompt": draw(st.sampled_from(["a", "b", "c", "d", "e", "f", "g"])),
        "timeout": draw(st.sampled_from([None, None, 20.0, 180.0, 400.0])),
        "size": draw(st.sampled_from(["4K", "1K", None])),
        "n": draw(st.sampled_from([1, 1, 1, 2])),
        "sensitive": draw(st.sampled_from([False, False, True])),
        "leaves_after": draw(st.sampled_from([None, None, None, 0.0, 1.0, 60.0, 380.0])),
    }


def run_once(table, chain, policy, requests, words, seed):
    """Run all requests through one router; give the trace of events, told as text, and how each ended."""
    fakes = {
        name: FakeProvider(
            *fields["script"],
            upstream=fields["upstream"],
            account=fields["account"] or name,
            origin=fields["origin"] or f"https://{name}.test:443",
            plaintext=fields["plaintext"],
            price=fields["price"],
            latency=fields["latency"],
            capabilities=Capabilities(resolutions=fields["resolutions"]),
            max_in_flight=fields["max_in_flight"],
            when_full=fields["when_full"],
        )
        for name, fields in table.items()
    }
    for name, fake in fakes.items():  # ids of objects are not the same from run to run
        if table[name]["upstream"] is None:
            object.__setattr__(fake.identity, "upstream", name)
    trace, checker = (
        [],
        Invariants(max_possibly_billed=policy.max_possibly_billed, max_attempts=policy.max_attempts, providers=fakes),
    )

    async def ask(router, wish):
        await asyncio.sleep(wish["at"])
        fields = {key: wish[key] for key in ("timeout", "size", "n", "sensitive")}
        task = asyncio.ensure_future(router.generate(wish["prompt"], **fields))
        if wish["leaves_after"] is not None:
            asyncio.get_running_loop().call_later(wish["leaves_after"] + 0.01, task.cancel)
        try:
            result = await task
        except PixrouteError as error:
            return type(error).__name__
        except asyncio.CancelledError:
            return "cancelled"
        assert all(image.data.startswith(b"\x89PNG") for image in result.images)
        return "picture"

    async def main():
        chains = {"default": chain}
        async with fake_router(
            **fakes, chains=chains, policy=policy, observers=[checker, trace.append], seed=seed
        ) as router:
            for word in words:
                asyncio.get_running_loop().call_later(word["at"], say, router, list(fakes), word)
            ends = await asyncio.gather(*(ask(router, wish) for wish in requests))
            await asyncio.sleep(0.01)
            assert all(fake.in_flight == 0 for fake in fakes.values()), "an attempt was left behind"
            checker.check_end(router.health())
            return ends

    ends = run_virtual(main())
    return ends, [repr(event_) for event_ in trace]


@pytest.mark.slow  # hundreds of arbitrary histories
@settings(max_examples=EXAMPLES, deadline=None)
@given(
    providers().flatmap(lambda table: st.tuples(st.just(table), chain_of(table))),
    POLICIES,
    st.lists(asks(), min_size=1, max_size=8),
    st.lists(operators(), max_size=4),
    st.integers(0, 3),
)
def test_invariants_hold_whatever_happens(whom, policy, requests, words, seed):
    """I1 to I8 by the events, I4 by what is left, I10 by running it twice."""
    table, chain = whom

    ends, trace = run_once(table, chain, policy, requests, words, seed)

    event(f"{sum(isinstance(step, Group) for step in chain)} groups")
    for end in ends:
        event(end)
    again, retraced = run_once(table, chain, policy, requests, words, seed)
    first = next((pair for pair in zip(trace, retraced, strict=False) if pair[0] != pair[1]), None)
    assert first is None
    assert (again, len(retraced)) == (ends, len(trace))


def test_who_is_to_be_asked_again_later_is_not_asked_in_place_of_one_that_is_full():
    """Found among 20,000: one of a group with its retry still to come stood in for another whose place was taken."""
    common = {
        "account": "a1",
        "origin": "https://o1:443",
        "plaintext": False,
        "price": "0.09",
        "latency": (18.0, 27.0, 40.0),
        "when_full": "wait",
        "resolutions": {"1K", "2K", "4K"},
    }

    def refused(kind, blame):
        return Failure(kind=kind, message="scripted", stage=Stage.WAIT, blame=blame, billing=Billing.FREE)

    scripts = {
        "p0": Act(stage=Stage.WAIT),
        "p1": Act(seconds=2.0, outcome=refused(FailureKind.CONNECT, Blame.HOP), stage=Stage.CONNECT),
        "p2": Act(outcome=refused(FailureKind.OVERLOADED, Blame.PROVIDER), stage=Stage.WAIT),
        "p3": Act(stage=Stage.WAIT),
    }
    table = {
        name: {
            "script": [act],
            "upstream": "u2" if name == "p1" else "u1",
            "max_in_flight": 1 if name == "p1" else None,
            **common,
        }
        for name, act in scripts.items()
    }
    policy = Policy(max_attempts=3, max_possibly_billed=1, give_up_after=0.0, retry=RetryPolicy(rounds=()))
    ask = {"at": 0.0, "prompt": "a", "timeout": None, "size": "4K", "n": 1, "sensitive": False, "leaves_after": None}

    run_once(table, [Group(any=tuple(scripts), spread="in-turn")], policy, [ask] * 3, [], 0)
