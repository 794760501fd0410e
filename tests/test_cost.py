"""Money, with what is unknown."""

from decimal import Decimal

import pytest
from attrs import fields
from hypothesis import given
from hypothesis import strategies as st

from pixroute.cost import Cost, priced

AMOUNTS = st.one_of(st.none(), st.decimals(0, 100, places=2))
COSTS = st.builds(Cost, certain=AMOUNTS, possible=AMOUNTS, currency=st.just("EUR"))


def test_nothing_costs_nothing():
    """Known to be 0, in dollars."""
    assert Cost() == Cost(certain=Decimal(0), possible=Decimal(0), currency="USD")


def test_a_cost_is_frozen_and_named():
    """Nobody mixes up what is certain with what is possible."""
    assert all(field.kw_only for field in fields(Cost))


def test_costs_add_up_apart():
    """What is certain to what is certain."""
    one = Cost(certain=Decimal("0.04"), possible=Decimal("0.09"), currency="EUR")

    assert one + one == Cost(certain=Decimal("0.08"), possible=Decimal("0.18"), currency="EUR")


@given(st.lists(COSTS, max_size=5))
def test_unknown_anywhere_makes_that_sum_unknown(costs):
    """None, never 0, and the other sum stays known."""
    total = Cost.total(costs, "EUR")

    for sum_, amounts in ((total.certain, [c.certain for c in costs]), (total.possible, [c.possible for c in costs])):
        assert sum_ == (None if None in amounts else sum(amounts))
    assert total.currency == "EUR"


def test_a_sum_of_nothing_is_in_dollars():
    """Unless another currency is said."""
    assert Cost.total([]) == Cost()


@pytest.mark.parametrize(
    ("certain", "possible", "currency", "text"),
    [
        ("0.04", "0.09", "USD", "$0.04 certain + $0.09 possible"),
        ("0.04", "0", "USD", "$0.04 certain"),
        ("0.04", "0.09", "CNY", "0.04 CNY certain + 0.09 CNY possible"),
        ("0.04", "0", "ZAR", "0.04 ZAR certain"),
        (None, "0", "USD", "an unknown amount certain"),
        ("0.04", None, "USD", "$0.04 certain + an unknown amount possible"),
    ],
)
def test_a_cost_is_printed(certain, possible, currency, text):
    """What may not have been spent is told only where there is something."""
    cost = Cost(certain=certain and Decimal(certain), possible=possible and Decimal(possible), currency=currency)

    assert str(cost) == text


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [("0.30", "0.10", "0.20"), (None, "0.10", None), ("0.30", None, None), (None, None, None)],
)
def test_less_takes_away_what_is_known(one, other, left):
    """Unknown stays so, on either side."""
    amounts = [None if amount is None else Decimal(amount) for amount in (one, other, left)]

    for word in ("certain", "possible"):
        costs = [Cost(**{word: amount}, currency="EUR") for amount in amounts]
        assert costs[0].less(costs[1]) == costs[2]


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("3.6", "USD", "$3.60"),
        ("12", "USD", "$12"),
        ("0.039", "EUR", "0.039 EUR"),
        ("0.20", "USD", "$0.20"),
        ("9" * 40 + ".5", "USD", "$" + "9" * 40 + ".50"),
    ],
)
def test_an_amount_is_written_as_people_write_it(amount, currency, text):
    """Whole, or with two digits at least."""
    assert priced(Decimal(amount), currency) == text
