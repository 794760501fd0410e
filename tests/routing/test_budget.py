"""What a request may still spend, and hedges that may be drawn."""

from decimal import Decimal

import pytest

from pixroute.routing.budget import Budget, HedgePurse

PRICE = Decimal("0.09")


def test_a_price_is_reserved_when_an_attempt_starts():
    """What is in flight counts at full price."""
    budget = Budget(Decimal("0.20"))

    budget.reserve(PRICE)

    assert budget.left == Decimal("0.11")


@pytest.mark.parametrize(("spent", "left"), [(None, "0.20"), (PRICE, "0.11"), (Decimal("0.05"), "0.15")])
def test_what_was_not_spent_comes_back(spent, left):
    """A free attempt gives all back, a billed one nothing."""
    budget = Budget(Decimal("0.20"))
    budget.reserve(PRICE)

    budget.settle(PRICE, spent)

    assert budget.left == Decimal(left)


def test_an_unknown_price_takes_nothing():
    """It can only start where there is no limit, or in a part that began before."""
    budget = Budget(Decimal("0.20"))

    budget.reserve(None)
    budget.settle(None, None)

    assert budget.left == Decimal("0.20")


def test_without_a_limit_nothing_is_counted():
    """None stays None."""
    budget = Budget(None)

    budget.reserve(PRICE)
    budget.settle(PRICE, None)

    assert budget.left is None


def test_one_hedge_is_in_the_purse_at_the_start():
    """And only one."""
    purse = HedgePurse()

    assert purse.can_pay
    purse.draw()
    assert not purse.can_pay


def test_twenty_requests_earn_a_hedge():
    """At a share of one in twenty; nineteen do not."""
    purse = HedgePurse()
    purse.draw()

    for _ in range(19):
        purse.earn(0.05)
    before = purse.can_pay
    purse.earn(0.05)

    assert (before, purse.can_pay) == (False, True)


def test_at_most_one_is_saved():
    """A quiet night is no stock for a busy morning."""
    purse = HedgePurse()

    for _ in range(100):
        purse.earn(0.05)
    purse.draw()

    assert not purse.can_pay
