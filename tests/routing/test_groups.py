"""A group of providers in a chain: who comes first, who is passed over, what is told of it (semantics §3.5)."""

import asyncio
from collections import Counter

import pytest

from pixroute import FailureKind, ImageRequest, Policy
from pixroute.group import Group
from pixroute.policy import RetryPolicy
from pixroute.testing import FakeProvider, fail, fake_router, picture, run_virtual

ONCE = Policy(retry=RetryPolicy(quick=False, rounds=()))
KEYS = ("key-a", "key-b", "key-c", "key-d")


def fakes(names, **scripts):
    """Give providers with an account and an upstream of their own, each with its script."""
    return {
        name: FakeProvider(*scripts.get(name.replace("-", "_"), (picture(2.0),)), upstream=f"u-{name}", account=name)
        for name in names
    }


async def ask(router, times, *, every=0.0, **fields):
    """Ask several times, at once or one after another; give what came."""
    if every:
        found = []
        for _ in range(times):
            found.append(await router.generate("a lighthouse", **fields))
            await asyncio.sleep(every)
        return found
    return await asyncio.gather(*(router.generate("a lighthouse", **fields) for _ in range(times)))


def run(providers, chain, work, **options):
    async def main():
        async with fake_router(**providers, chains={"default": chain}, policy=ONCE, **options) as router:
            return await work(router)

    return run_virtual(main())


@pytest.mark.parametrize(
    ("spread", "expected"),
    [
        ("in-turn", {"key-a": 30, "key-b": 30, "key-c": 30, "key-d": 30}),
        ("least-busy", {"key-a": 30, "key-b": 30, "key-c": 30, "key-d": 30}),
        ({"key-a": 5, "key-b": 3, "key-c": 1, "key-d": 1}, {"key-a": 60, "key-b": 36, "key-c": 12, "key-d": 12}),
    ],
)
@pytest.mark.parametrize("every", [0.0, 1.0])
def test_the_load_is_spread_as_said(spread, expected, every):
    """At once or one after another, to the request."""
    found = run(fakes(KEYS), [{"any": KEYS, "spread": spread}], lambda router: ask(router, 120, every=every))

    assert Counter(result.provider for result in found) == expected
    assert not any(result.fell_back for result in found)


def test_the_slower_gets_less_where_the_least_busy_is_asked():
    """A key that takes nine times as long has about a tenth of the work when requests come evenly."""
    providers = fakes(("fast", "slow"), fast=(picture(1.0),), slow=(picture(9.0),))

    async def evenly(router):
        tasks = []
        for _ in range(200):
            tasks.append(asyncio.create_task(router.generate("a lighthouse")))
            await asyncio.sleep(0.6)
        return await asyncio.gather(*tasks)

    found = Counter(
        result.provider for result in run(providers, [Group(any=["fast", "slow"], spread="least-busy")], evenly)
    )
    assert found["fast"] > 4 * found["slow"] > 0


def test_two_held_keys_are_asked_once_each_and_the_others_share_evenly():
    """One is throttled with a hint, one out of money: no request is lost, and nobody bears two shares."""
    providers = fakes(
        KEYS,
        key_b=(fail(FailureKind.RATE_LIMITED, 0.1, hint=800.0),),
        key_c=(fail(FailureKind.QUOTA, 0.1, status=402),),
    )

    found = run(providers, [{"any": KEYS}], lambda router: ask(router, 100, every=1.0))

    assert len(providers["key-b"].calls) == len(providers["key-c"].calls) == 1
    by = Counter(result.provider for result in found)
    assert by.keys() == {"key-a", "key-d"}
    assert abs(by["key-a"] - by["key-d"]) <= 2
    assert sum(result.fell_back for result in found) == 1  # the one that met both


def test_the_record_says_why_this_one_came_first():
    providers = fakes(("key-a", "key-b", "key-c"), key_b=(fail(FailureKind.QUOTA, 0.1),))

    *_, last = run(providers, [{"any": ["key-a", "key-b", "key-c"]}], lambda router: ask(router, 3, every=1.0))

    (drawn,) = last.record.drawn
    assert drawn.order[0] == last.provider
    assert (drawn.why, drawn.kept) == ("in turn", {"key-b": "account held"})
    assert str(last.record).endswith(" comes first of key-a, key-b, key-c: in turn; key-b: account held")


def test_a_chain_without_groups_draws_nothing():
    (result,) = run(fakes(("key-a", "key-b")), ["key-a", "key-b"], lambda router: ask(router, 1))

    assert result.record.drawn == ()


def test_the_rest_of_a_group_stands_before_the_rest_of_the_chain():
    """A key that fails is followed by the next of its group, and only then by the fallback."""
    broken = (fail(FailureKind.SERVER_ERROR, 0.1, status=500),)
    providers = fakes(("key-a", "key-b", "far"), key_a=broken, key_b=broken)

    (result,) = run(providers, [{"any": ["key-a", "key-b"]}, "far"], lambda router: ask(router, 1))

    assert [attempt.provider for attempt in result.record.attempts] == ["key-a", "key-b", "far"]
    assert result.fell_back


def test_siblings_of_a_group_stand_behind_the_rest_of_the_chain():
    """Where two keys are said to be one upstream, its overload is both's."""
    providers = {
        "key-a": FakeProvider(fail(FailureKind.OVERLOADED, 0.1), upstream="one", account="a"),
        "key-b": FakeProvider(upstream="one", account="b"),
        "far": FakeProvider(upstream="far", account="c"),
    }

    (result,) = run(providers, [{"any": ["key-a", "key-b"]}, "far"], lambda router: ask(router, 1))

    assert result.provider == "far"


def test_the_parts_of_one_request_are_spread_too():
    (result,) = run(fakes(KEYS), [{"any": KEYS, "spread": "least-busy"}], lambda router: ask(router, 1, n=4))

    assert sorted(image.provider for image in result.images) == sorted(KEYS)
    assert [drawn.part for drawn in result.record.drawn] == [0, 1, 2, 3]


def test_a_full_group_is_waited_for_as_one():
    """Whoever of it has a slot first is asked, not whoever was drawn first."""
    providers = {
        "slow": FakeProvider(picture(100.0), upstream="s", account="s", max_in_flight=1),
        "fast": FakeProvider(picture(5.0), upstream="f", account="f", max_in_flight=1),
    }

    found = run(providers, [{"any": ["slow", "fast"]}], lambda router: ask(router, 3))

    assert Counter(result.provider for result in found) == {"slow": 1, "fast": 2}
    assert max(result.record.seconds for result in found if result.provider == "fast") == pytest.approx(10.0, abs=0.1)


def test_explain_tells_who_is_next_and_uses_up_no_turn():
    async def work(router):
        before = [router.explain(ImageRequest("x")) for _ in range(3)]
        first = await router.generate("x")
        return before, first, router.explain(ImageRequest("x"))

    before, first, after = run(fakes(("key-a", "key-b", "far")), [{"any": ["key-a", "key-b"]}, "far"], work)

    assert {one.first for one in before} == {"start key-a"}
    assert first.provider == "key-a"
    assert after.first == "start key-b"
    assert [plan.name for plan in after.providers] == ["key-b", "key-a", "far"]
    assert str(after.drawn[0]) == "key-b comes first of key-a, key-b: in turn"


def test_a_provider_that_cannot_serve_the_request_takes_no_turn():
    """What one cannot make is shared by the others alone."""
    from pixroute import Capabilities  # noqa: PLC0415 - of this test alone

    providers = {
        **fakes(("key-a", "key-b")),
        "small": FakeProvider(capabilities=Capabilities(resolutions={"1K"}), upstream="u-small", account="small"),
    }

    found = run(providers, [{"any": ["key-a", "small", "key-b"]}], lambda router: ask(router, 40, every=1.0, size="4K"))

    assert Counter(result.provider for result in found) == {"key-a": 20, "key-b": 20}


def test_turns_are_the_same_every_time():
    """Nothing is drawn by chance: another seed gives the same order."""

    def order(seed):
        providers = fakes(KEYS)
        found = run(providers, [{"any": KEYS}], lambda router: ask(router, 9, every=1.0), seed=seed)
        return [result.provider for result in found]

    assert order(1) == order(2) == [*KEYS, *KEYS, "key-a"]


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (
            {"any": ["key-a", {"any": ["key-b"]}]},
            r"a chain\[0\]\.any\[1\] a group holds names of providers, not",
        ),
        ({"any": ["key-a", Group(any=["key-b"])]}, r"a group holds names of providers, not another group"),
        ({"any": []}, r"a chain\[0\]\.any names no provider"),
        ({"any": ["key-a", "key-a"]}, r'any\[1\] "key-a" stands in this group already'),
        ({"any": ["key-a"], "spread": "random"}, r'spread must be "in-turn", "least-busy" or a table, not "random"'),
        ({"any": ["key-a", "key-b"], "spread": {"key-a": 1}}, r"spread says no share for key-b"),
        ({"any": ["key-a"], "spread": {"key-a": 1, "key-x": 2}}, r'"key-x" is not in this group'),
        ({"any": ["key-a"], "spread": {"key-a": 0}}, r"a whole number of at least 1, not 0"),
        ({"any": ["key-a"], "sprea": "in-turn"}, r"did you mean spread\?"),
        ({"spread": "in-turn"}, r"any is missing"),
        ({"any": "key-a"}, r"any must be a list, not text"),
        ({"any": ["key-x"]}, r"names 'key-x', which is no provider"),
        (5, r"a chain\[0\] must be text or a Group, not 5"),
    ],
)
def test_what_is_no_group_is_refused_in_a_sentence(step, sentence):
    with pytest.raises(ValueError, match=sentence):
        fake_router(**fakes(("key-a", "key-b")), chains={"default": [step]})
