"""What a request may still spend, and hedges that may be drawn."""

from decimal import Decimal

import pytest

from pixroute.routing.budget import HedgeBudget, RequestBudget

PRICE = Decimal("0.09")


def test_a_price_is_reserved_when_an_attempt_starts():
    """What is in flight counts at full price."""
    budget = RequestBudget(Decimal("0.20"))

    budget.reserve(PRICE)

    assert budget.left == Decimal("0.11")


@pytest.mark.parametrize(("spent", "left"), [(None, "0.20"), (PRICE, "0.11"), (Decimal("0.05"), "0.15")])
def test_what_was_not_spent_comes_back(spent, left):
    """A free attempt gives all back, a billed one nothing."""
    budget = RequestBudget(Decimal("0.20"))
    budget.reserve(PRICE)

    budget.settle(PRICE, spent)

    assert budget.left == Decimal(left)


def test_an_unknown_price_takes_nothing():
    """It can only start where there is no limit, or in a part that began before."""
    budget = RequestBudget(Decimal("0.20"))

    budget.reserve(None)
    budget.settle(None, None)

    assert budget.left == Decimal("0.20")


def test_without_a_limit_nothing_is_counted():
    """None stays None."""
    budget = RequestBudget(None)

    budget.reserve(PRICE)
    budget.settle(PRICE, None)

    assert budget.left is None


def test_one_hedge_is_in_the_budget_at_the_start():
    """And only one."""
    hedge_budget = HedgeBudget()

    assert hedge_budget.can_pay
    hedge_budget.draw()
    assert not hedge_budget.can_pay


def test_twenty_requests_earn_a_hedge():
    """At a share of one in twenty; nineteen do not."""
    hedge_budget = HedgeBudget()
    hedge_budget.draw()

    for _ in range(19):
        hedge_budget.earn(0.05)
    before = hedge_budget.can_pay
    hedge_budget.earn(0.05)

    assert (before, hedge_budget.can_pay) == (False, True)


def test_at_most_one_is_saved():
    """A quiet night is no stock for a busy morning."""
    hedge_budget = HedgeBudget()

    for _ in range(100):
        hedge_budget.earn(0.05)
    hedge_budget.draw()

    assert not hedge_budget.can_pay
