"""The end of a request: the error whose first line answers "what now", or a result that tells the truth."""

import asyncio
from decimal import Decimal
from types import SimpleNamespace

import pytest

from pixroute import (
    AllProvidersFailed,
    BudgetExceeded,
    Capabilities,
    DeadlineInfeasible,
    FailureKind,
    InvalidRequest,
    Moderated,
    Policy,
)
from pixroute.content import InMemory
from pixroute.cost import Cost
from pixroute.outcome import Billing, Delivered, Failure, Success
from pixroute.policy import RetryPolicy
from pixroute.routing import conclude
from pixroute.routing.plan import Verdict
from pixroute.testing import Act, FakeProvider, fail, fake_router, picture, run_virtual, silence
from pixroute.testing.fake import blank_png

K = FailureKind
ONCE = Policy(retry=RetryPolicy(quick=False, rounds=()))


def delivers(*sizes, after=1.0, failures=(), **fields):
    """Deliver pictures of these sides, and say why others are missing."""
    pictures = tuple(Delivered(content=InMemory(blank_png(side, side))) for side in sizes)
    return Act(seconds=after, outcome=Success(pictures=pictures, failures=tuple(failures), **fields))


def dear(*script, **fields):
    """Give a provider whose picture costs more than the others'."""
    return FakeProvider(*script, price="0.09", **fields)


class TestErrors:
    """How many failed, what may be billed, when to try again."""

    @pytest.mark.parametrize(
        ("chain", "ask", "kind", "first", "retryable"),
        [
            (
                {"one": FakeProvider(fail(K.OVERLOADED))},
                {},
                AllProvidersFailed,
                "No picture after 1 attempt; 0 may have been billed. Try again later.",
                True,
            ),
            (
                {"one": dear(fail(K.EMPTY)), "two": FakeProvider(fail(K.TIMEOUT))},
                {},
                AllProvidersFailed,
                "No picture after 2 attempts; 2 may have been billed. Try again later.",
                True,
            ),
            (
                {"one": FakeProvider(fail(K.EMPTY))},
                {},
                AllProvidersFailed,
                "No picture after 1 attempt; 1 may have been billed.",
                False,
            ),
            (
                {"one": FakeProvider(fail(K.RATE_LIMITED, hint=100.0))},
                {},
                AllProvidersFailed,
                "No picture after 1 attempt; 0 may have been billed. Try again in 100 s.",
                True,
            ),
            (
                {"one": FakeProvider(fail(K.AUTH))},
                {},
                AllProvidersFailed,
                "Every provider asked refused the key; nothing was billed. Mend the key.",
                False,
            ),
            (
                {"one": FakeProvider(fail(K.MODERATED)), "two": FakeProvider()},
                {},
                Moderated,
                "The provider declined the content; change the prompt.",
                False,
            ),
            (
                {"one": FakeProvider(fail(K.INVALID))},
                {},
                InvalidRequest,
                "Every provider asked called the request invalid; change it.",
                False,
            ),
            (
                {"one": FakeProvider(enabled=False), "two": FakeProvider(plaintext=True)},
                {"sensitive": True},
                InvalidRequest,
                "No provider of the chain can serve this request as it stands; nothing was sent.",
                False,
            ),
            (
                {"one": FakeProvider(latency=(20, 30, 40)), "two": FakeProvider(enabled=False)},
                {"timeout": 10},
                DeadlineInfeasible,
                "No provider can finish in the time given; nothing was sent. Allow more time.",
                False,
            ),
            (
                {"one": FakeProvider(), "two": FakeProvider(price=None)},
                {"max_cost": Decimal("0.01")},
                BudgetExceeded,
                "Nothing fits into the cost limit; nothing was sent. Raise max_cost.",
                False,
            ),
        ],
    )
    def test_the_first_line_answers_what_now(self, walk, chain, ask, kind, first, retryable):
        """Each class of error, in the words of its first line."""
        error = walk(chain=chain, policy=ONCE, **ask).error

        assert type(error) is kind
        assert str(error).splitlines()[0] == first
        assert error.retryable is retryable
        assert (error.retry_after is None) is ("in 100 s" not in first)

    def test_whose_times_are_unknown_is_said_where_time_ran_short(self):
        """Those alone that lacked the time, for theirs is a guess."""
        prepared_providers = [
            SimpleNamespace(name=name, candidate=SimpleNamespace(known=name == "known"))
            for name in ("new", "known", "off")
        ]
        verdicts = [Verdict.NO_TIME, Verdict.NO_TIME, Verdict.DISABLED]
        endings = [SimpleNamespace(prepared_providers=prepared_providers, verdicts=verdicts, attempts=())]

        kind, told = conclude._kind_and_head(endings, [], None)

        assert kind is DeadlineInfeasible
        assert told.endswith("Allow more time. Times unknown: new; `latency` says how long it takes.")

    def test_while_everybody_is_ill_it_says_when_somebody_may_be_asked(self):
        """Nothing was sent; the seconds are those of the first breaker."""

        async def main():
            async with fake_router(FakeProvider(fail(K.RATE_LIMITED, hint=100.0)), policy=ONCE) as router:
                with pytest.raises(AllProvidersFailed):
                    await router.generate("first")
                await asyncio.sleep(40)
                with pytest.raises(AllProvidersFailed) as caught:
                    await router.generate("second", timeout=50, attempt_timeout=50)
                return caught.value

        error = run_virtual(main())

        assert str(error).splitlines()[0] == "No provider can be asked now; nothing was sent. Try again in 60 s."
        assert (error.retryable, error.retry_after, error.record.attempts) == (True, 60, ())

    def test_every_attempt_and_every_skip_has_a_line(self, walk):
        """Who did what, for how long, at what price, in order; then what it cost."""
        chain = {
            "one": dear(fail(K.EMPTY, 100)),
            "two": FakeProvider(capabilities=Capabilities(resolutions={"1K"})),
            "three": FakeProvider(fail(K.DISCONNECTED, 20)),
            "four": FakeProvider(),
        }

        error = walk(chain=chain, policy=ONCE).error

        assert str(error).splitlines()[1:] == [
            "  one: empty after 100.0 s (billed): scripted empty",
            "  three: disconnected after 20.0 s (ambiguous): scripted disconnected",
            "  two: skipped: makes 1K, not 4K",
            "  four: skipped: as many attempts as allowed may already be billed",
            "  cost: $0.09 certain + $0.04 possible",
        ]
        assert error.cost == Cost(certain=Decimal("0.09"), possible=Decimal("0.04"))

    def test_an_unknown_price_is_told_as_unknown(self, walk):
        """Never as nothing."""
        error = walk(chain={"one": FakeProvider(fail(K.TIMEOUT), price=None)}, policy=ONCE).error

        assert error.cost.possible is None
        assert str(error).splitlines()[-1] == "  cost: $0 certain + an unknown amount possible"

    def test_what_was_paid_for_and_not_accepted_is_kept(self, walk):
        """An undersized picture is still a picture."""
        error = walk(chain={"one": FakeProvider(delivers(64))}, policy=ONCE).error

        assert [(image.provider, image.width, image.data) for image in error.images] == [("one", 64, blank_png(64, 64))]
        assert error.cost.certain == Decimal("0.04")

    def test_several_parts_say_each_skip_once(self, walk):
        """Three parts that nobody could serve are one reason."""
        error = walk(chain={"one": FakeProvider(enabled=False)}, n=3).error

        assert str(error).splitlines()[1:] == ["  one: skipped: is disabled"]


class TestResults:
    """Pictures, what is missing, what was paid for beside them, what was done otherwise."""

    def test_one_of_several_parts_may_fail(self, walk):
        """A result if at least one picture came; the others are missing with their last failure."""
        chain = {"one": FakeProvider(lambda number: picture(1) if number != 1 else fail(K.EMPTY, 1))}

        result = walk(chain=chain, policy=ONCE, n=3).result

        assert len(result.images) == 2
        assert [(missing.part, missing.failure.kind) for missing in result.missing] == [(1, K.EMPTY)]
        assert result.cost.certain == Decimal("0.12")

    def test_a_part_that_nobody_could_take_is_missing_with_the_reason(self, walk):
        """The money was enough for one."""
        result = walk(chain={"one": FakeProvider(picture(1))}, n=2, max_cost=Decimal("0.05")).result

        assert len(result.images) == 1
        assert [(missing.part, missing.failure.kind) for missing in result.missing] == [(1, K.SKIPPED)]
        assert str(result.missing[0].failure) == "No provider was asked: one: skipped: costs more than is left."

    def test_a_picture_refused_among_several_is_missing(self, walk):
        """`decode` may give a failure in place of one picture."""
        refused = Failure(kind=K.MODERATED, message="not this one", billing=Billing.FREE)
        two = FakeProvider(
            delivers(4096, failures=[refused], usage={"tokens": 7}),
            capabilities=Capabilities(max_images=2, references=1),
        )

        result = walk(chain={"two": two}, n=2).result

        assert len(result.images) == 1
        assert [missing.failure.message for missing in result.missing] == ["not this one"]
        assert result.usage == {"tokens": 7}
        assert result.cost.certain == Decimal("0.04")

    def test_a_valid_picture_too_many_is_kept(self, walk):
        """Two at once: the earlier started wins, the other was paid for."""
        result = walk(http=[picture(393)], seed=[picture(18)]).result

        assert result.provider == "banana-http"
        assert [image.provider for image in result.extra] == ["seedream"]
        assert result.cost.certain == Decimal("0.13")
        assert not result.fell_back

    def test_a_picture_not_accepted_before_the_winner_is_kept_too(self, walk):
        """It was paid for."""
        result = walk(chain={"one": FakeProvider(delivers(64)), "two": FakeProvider(picture(1))}).result

        assert (result.provider, result.fell_back) == ("two", True)
        assert [(image.provider, image.width) for image in result.extra] == [("one", 64)]

    def test_a_loser_is_not_extra(self, walk):
        """It was cancelled and brought nothing."""
        assert walk(http=[silence()], seed=[picture(18)]).result.extra == ()

    def test_the_same_adjustment_of_several_parts_is_told_once(self, walk):
        """Three parts made larger for one reason."""
        larger = FakeProvider(capabilities=Capabilities(resolutions={"2K"}))

        result = walk(chain={"larger": larger}, size="1K", n=3).result

        assert [str(each) for each in result.adjustments] == [
            "size: asked 1K, delivered 2K (the provider makes no smaller pictures)"
        ]

    def test_tags_are_carried_to_result_and_record(self, walk):
        """As they were given."""
        result = walk(chain={"one": FakeProvider()}, tags={"team": "studio"}).result

        assert result.tags == result.record.tags == {"team": "studio"}
