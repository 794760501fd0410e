"""The router as a service uses it: asking, choosing a chain, parts, switching providers off, explaining."""

import asyncio
from decimal import Decimal

import pytest

from pixroute import AllProvidersFailed, Capabilities, FailureKind, ImageRequest, InvalidRequest, Policy, Router, Size
from pixroute.events import BreakerChanged
from pixroute.testing import FakeProvider, fail, fake_router, picture, run_virtual
from pixroute.testing.fake import blank_png

K = FailureKind


def two_chains(**options):
    """Give a router with the chains `quick` and `fine`, of a provider each, and no default."""
    return Router(
        providers={"one": FakeProvider(), "two": FakeProvider(price="0.09")},
        chains={"quick": ["one"], "fine": (["two"], Policy(timeout=770.0))},
        **options,
    )


class TestChains:
    """Which chain a request goes through."""

    @pytest.mark.parametrize(
        ("size", "chain", "provider"), [("4K", None, "two"), ("1K", None, "one"), ("4K", "quick", "one")]
    )
    async def test_rules_choose_unless_a_chain_is_named(self, size, chain, provider):
        """What the caller says goes before the rules."""
        choose = lambda request: "fine" if request.resolution == "4K" else "quick"  # noqa: E731 - a rule
        async with two_chains(choose=choose) as router:
            result = await router.generate("a lighthouse", size=size, chain=chain)

        assert (result.provider, result.record.chain) == (provider, chain or ("fine" if size == "4K" else "quick"))

    @pytest.mark.parametrize(
        ("chain", "why"),
        [
            ("fnie", "there is no chain 'fnie'; there are fine, quick"),
            (None, "there is no chain 'default'; there are fine, quick"),
        ],
    )
    async def test_an_unknown_chain_is_told_with_those_there_are(self, chain, why):
        """And so is the lack of a default among several."""
        async with two_chains() as router:
            with pytest.raises(ValueError, match=why):
                await router.generate("a lighthouse", chain=chain)

    async def test_the_only_chain_is_the_default(self):
        """Whatever it is called."""
        async with Router(providers={"one": FakeProvider()}, chains={"mine": ["one"]}) as router:
            assert (await router.generate("a lighthouse")).record.chain == "mine"

    @pytest.mark.parametrize(
        ("chains", "why"),
        [
            ({"default": ["one", "tow"]}, "chain 'default' names 'tow', which is no provider; there are one, two"),
            ({"default": []}, "chain 'default' names no provider; there are one, two"),
            ({"default": ["one", "two"]}, "chain 'default' mixes the currencies CNY, USD"),
        ],
    )
    def test_a_chain_that_cannot_be_is_told_at_once(self, chains, why):
        """Before anything is asked."""
        yuan = FakeProvider()
        object.__setattr__(yuan.price, "currency", "CNY")

        with pytest.raises(ValueError, match=why):
            Router(providers={"one": FakeProvider(), "two": yuan}, chains=chains)


class TestAsking:
    """What may be given to `generate`."""

    async def test_a_whole_request(self):
        """As it is, with its tags."""
        request = ImageRequest("a lighthouse", size="2K 16:9", tags={"team": "studio"})
        async with fake_router(one := FakeProvider()) as router:
            result = await router.generate(request)

        assert one.calls[0].request == request
        assert result.tags == {"team": "studio"}

    @pytest.mark.parametrize(
        ("fields", "size"),
        [
            ({"size": "4K", "aspect_ratio": "16:9"}, Size("4K", (16, 9))),
            ({"size": "2048x1536"}, Size("2K", None, 2048, 1536)),
            ({"size": Size("2K")}, Size("2K")),
            ({"aspect_ratio": "16:9"}, Size("1K", (16, 9))),
            ({}, None),
        ],
    )
    async def test_a_size_in_any_form(self, fields, size):
        """Text, a value, a shape alone, nothing."""
        async with fake_router(one := FakeProvider()) as router:
            await router.generate("a lighthouse", **fields)

        assert one.calls[0].request.size == size

    @pytest.mark.parametrize(
        ("fields", "why"), [({"size": "8K"}, "none of 1K"), ({"n": 0}, "n must be"), ({"into": "x", "n": 2}, "into=")]
    )
    async def test_what_cannot_be_read_is_told_before_anything_is_sent(self, fields, why):
        """As a ValueError; the router goes on."""
        async with fake_router(one := FakeProvider()) as router:
            with pytest.raises(ValueError, match=why):
                await router.generate("a lighthouse", **fields)

        assert one.calls == []

    async def test_into_takes_one_picture(self, tmp_path):
        """Under the suffix that is true."""
        async with fake_router(FakeProvider()) as router:
            result = await router.generate("a lighthouse", into=tmp_path / "lighthouse")

        assert result.image.path == tmp_path / "lighthouse.png"
        assert [path.name for path in tmp_path.iterdir()] == ["lighthouse.png"]

    @pytest.mark.parametrize(
        ("reference", "why"),
        [("absent.png", "absent.png cannot be read: No such file"), (b"text", "given as bytes is no picture")],
    )
    async def test_an_unreadable_reference_is_told_before_anything_is_sent(self, reference, why):
        """With its name, and what the system said."""
        async with fake_router(one := FakeProvider()) as router:
            with pytest.raises(ValueError, match=why):
                await router.generate("a lighthouse", references=[reference])

        assert one.calls == []

    async def test_references_reach_the_provider_as_bytes_with_their_type(self, tmp_path):
        """Read once, when the request starts."""
        (tmp_path / "one.png").write_bytes(blank_png(64, 64))
        async with fake_router(one := FakeProvider()) as router:
            await router.generate("a lighthouse", references=[tmp_path / "one.png", blank_png(32, 32)])

        sent = one.calls[0].request.references
        assert [(each.data, each.media_type) for each in sent] == [
            (blank_png(64, 64), "image/png"),
            (blank_png(32, 32), "image/png"),
        ]

    def test_the_timeout_of_a_chain_holds_where_the_caller_gives_none(self):
        """What the caller says goes before it."""

        async def main():
            async with two_chains() as router:
                return [router.explain(chain="fine", timeout=timeout).worst_seconds for timeout in (None, 5.0)]

        assert run_virtual(main()) == [770.0, 5.0]

    def test_what_a_request_says_of_policy_goes_before_its_provider_and_chain(self):
        """Time-out, hedge, money."""
        one = FakeProvider(attempt_timeout={"4K": 50.0}, hedge_after=2.0, latency=(1, 2, 3))

        async def main():
            async with fake_router(one) as router:
                asked = ImageRequest("a lighthouse", size="4K")
                own = router.explain(asked).providers[0]
                said = router.explain(asked, attempt_timeout=70, hedge_after="off").providers[0]
                return (own.timeout, own.join_after), (said.timeout, said.join_after)

        assert run_virtual(main()) == ((50, 6), (70, None))


class TestParts:
    """n pictures are cut into parts of the smallest `max_images` among the providers that can serve one."""

    @pytest.mark.parametrize(("n", "sizes"), [(1, [1]), (3, [3]), (4, [3, 1]), (7, [3, 3, 1])])
    async def test_parts_of_the_smallest_batch(self, n, sizes):
        """One that cannot serve the request does not make the parts smaller."""
        three, nine = (FakeProvider(capabilities=Capabilities(max_images=most)) for most in (3, 9))
        small = FakeProvider(capabilities=Capabilities(max_images=1, resolutions={"1K"}))
        async with fake_router(three, nine, small) as router:
            result = await router.generate("a lighthouse", size="4K", n=n)

        assert [call.request.n for call in three.calls] == sizes
        assert len(result.images) == n

    def test_all_parts_share_deadline_and_money(self):
        """Two fit into the limit, the third is told as missing; all at once."""

        async def main():
            async with fake_router(one := FakeProvider(picture(10))) as router:
                result = await router.generate("a lighthouse", n=3, max_cost=Decimal("0.08"))
                return result, [call.at for call in one.calls], asyncio.get_running_loop().time()

        result, started, ended = run_virtual(main())

        assert (len(result.images), [missing.part for missing in result.missing]) == (2, [2])
        assert started == [0, 0]
        assert ended == pytest.approx(10, abs=0.1)

    async def test_parts_that_nobody_can_serve_are_one_error(self):
        """With one picture to a part, nothing being known better."""
        async with fake_router(FakeProvider(enabled=False)) as router:
            with pytest.raises(InvalidRequest):
                await router.generate("a lighthouse", n=2)

    def test_a_caller_who_leaves_takes_all_parts_along(self):
        """Nothing is left in flight."""

        async def main():
            async with fake_router(one := FakeProvider(picture(100))) as router:
                task = asyncio.ensure_future(router.generate("a lighthouse", n=3))
                await asyncio.sleep(10)
                before = one.in_flight
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await asyncio.sleep(0)
                return before, one.in_flight

        assert run_virtual(main()) == (3, 0)


class TestSwitching:
    """Providers may be taken out and put back while the router works."""

    async def test_a_disabled_provider_is_asked_no_more_until_it_is_enabled(self):
        """The next of the chain is asked."""
        async with fake_router(one=FakeProvider(), two=FakeProvider()) as router:
            router.disable("one")
            during = await router.generate("a lighthouse")
            state = next(entry.state for entry in router.health() if entry.key == "one")
            router.enable("one")
            after = await router.generate("a lighthouse")

        assert (during.provider, state, after.provider) == ("two", "disabled", "one")

    async def test_a_breaker_that_is_forced_open_sends_everybody_on(self):
        """Until it is reset; health, explain and the record say why."""
        told = []
        async with fake_router(one=FakeProvider(), two=FakeProvider(), observers=[told.append]) as router:
            router.force("one", "open")
            during = await router.generate("a lighthouse")
            plan = router.explain().providers[0]
            entry = next(entry for entry in router.health() if entry.forced)
            router.reset("one")
            after = await router.generate("a lighthouse")

        assert (during.provider, after.provider) == ("two", "one")
        assert (plan.verdict, plan.forced) == ("an operator has forced its breaker open", "open")
        assert (entry.state, entry.reason, entry.until, entry.forced_until) == ("open", "forced", None, None)
        changes = [event for event in told if isinstance(event, BreakerChanged)]
        assert [(event.state, event.by_operator) for event in changes] == [("open", True)] * 4 + [("closed", True)] * 5

    async def test_nobody_waits_for_what_is_forced_open_for_ever(self):
        """It is told at once, without a time to come back."""
        async with fake_router(one=FakeProvider()) as router:
            router.force("one", "open")
            with pytest.raises(AllProvidersFailed, match="forced its breaker open") as raised:
                await router.generate("a lighthouse")

        assert raised.value.retry_after is None

    async def test_a_breaker_that_is_forced_closed_goes_on(self):
        """Failures open nothing, until its time is over."""
        async with fake_router(one=FakeProvider(fail(FailureKind.EMPTY))) as router:
            router.force("one", "closed", seconds=3600)
            for number in range(9):
                with pytest.raises(AllProvidersFailed):
                    await router.generate(f"lighthouse {number}")
            states = {entry.state for entry in router.health() if entry.scope == "upstream"}

        assert states == {"closed"}

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"state": "ajar"}, "state"),
            ({"state": "open", "seconds": 0}, "seconds"),
            ({"state": "open", "resolution": "8K"}, "resolution"),
            ({"state": "open", "scope": "account"}, "scope"),
            ({"state": "open", "scope": "origin", "resolution": "4K"}, "leave out resolution"),
            ({"state": "open", "provider": "three"}, "there is no provider 'three'"),
        ],
    )
    async def test_what_cannot_be_forced_is_told(self, arguments, said):
        """With the argument's name."""
        async with fake_router(one=FakeProvider()) as router:
            with pytest.raises(ValueError, match=said):
                router.force(**{"provider": "one", **arguments})

    @pytest.mark.parametrize("switch", ["disable", "enable", "reset"])
    async def test_an_unknown_name_is_told(self, switch):
        """With those there are."""
        async with fake_router(one=FakeProvider(), two=FakeProvider()) as router:
            with pytest.raises(ValueError, match="no provider 'oen'; there are one, two"):
                getattr(router, switch)("oen")

    def test_an_attempt_in_flight_goes_on(self):
        """It was sent and may be billed."""

        async def main():
            async with fake_router(one=FakeProvider(picture(100)), two=FakeProvider()) as router:
                task = asyncio.ensure_future(router.generate("a lighthouse"))
                await asyncio.sleep(10)
                router.disable("one")
                return await task

        assert run_virtual(main()).provider == "one"


class TestExplain:
    """What would be tried, for how long, at what cost; nothing is sent."""

    def test_the_default_chain(self, fakes):
        """The first decision, everybody's verdict and times, the worst of time and money."""

        async def main():
            chain = {
                "http": fakes.banana(plaintext=True),
                "https": fakes.banana(name="https"),
                "fallback": fakes.seedream(),
            }
            async with fake_router(**chain) as router:
                asked = ImageRequest("a lighthouse", size="4K", sensitive=True, n=2)
                return router.explain(asked), [fake.calls for fake in chain.values()]

        told, calls = run_virtual(main())

        assert calls == [[], [], []]
        assert (told.chain, told.parts, told.first, told.currency) == ("default", 2, "start https", "USD")
        assert told.worst_seconds == 600 + 1.25 * 27 + 10 + 30
        assert told.worst_cost == Decimal("0.26")
        assert [str(each) for each in told.providers] == [
            "http: is plaintext and the request is sensitive; 600 s = P95 170 + 430 margin",
            "https: may start; 600 s = P95 170 + 430 margin",
            "fallback: may start; 600 s = P95 27 + 573 margin",
        ]
        assert [(each.reserve, each.join_after) for each in told.providers] == [(43.75, 375), (43.75, 375), (0, 60)]

    async def test_nothing_can_be_asked(self):
        """And why."""
        async with fake_router(one=FakeProvider(capabilities=Capabilities(resolutions={"1K"}))) as router:
            told = router.explain(ImageRequest("a lighthouse", size="4K"))

        assert told.first == "nothing can be asked now"
        assert told.providers[0].verdict == "makes 1K, not 4K"

    async def test_an_unknown_price_makes_the_worst_unknown(self):
        """Until a limit bounds it."""
        async with fake_router(FakeProvider(price=None), FakeProvider()) as router:
            assert router.explain().worst_cost is None
            assert router.explain(max_cost=Decimal("0.05")).worst_cost == Decimal("0.04")


def test_a_router_belongs_to_one_loop():
    """A second one is an error that says what to do."""
    router = fake_router(FakeProvider())

    async def ask():
        await router.generate("a lighthouse")

    run_virtual(ask())

    with pytest.raises(RuntimeError, match="belongs to another event loop; make one per loop"):
        run_virtual(ask())


def test_health_tells_every_breaker_hold_and_provider(fakes):
    """Since when, why and until when."""

    async def main():
        async with fake_router(one=fakes.banana(fail(K.AUTH, 1)), two=FakeProvider(fail(K.MODEL_GONE, 2))) as router:
            with pytest.raises(Exception, match="No picture"):
                await router.generate("a lighthouse", size="4K")
            return {(entry.scope, entry.state): entry for entry in router.health()}

    told = run_virtual(main())

    assert told["account", "held"].until == pytest.approx(31)
    gone = told["upstream", "open"]
    assert (gone.reason, gone.since) == ("model_gone", pytest.approx(3))
    assert ("provider", "enabled") in told
