"""What a command has spent so far, told by events."""

from __future__ import annotations

from attrs import define, field

from pixroute.cost import Cost
from pixroute.events import AnyEvent, AttemptCorrected, AttemptFinished, AttemptStarted


@define
class Spending:
    """An observer that adds up; what is in flight counts as possible, at its price."""

    settled: Cost | None = None
    in_flight: dict[str, Cost] = field(factory=dict)

    def __call__(self, event: AnyEvent) -> None:
        """Take one event."""
        match event:
            case AttemptStarted():
                self.in_flight[event.attempt] = Cost(possible=event.price.certain, currency=event.price.currency)
            case AttemptFinished():
                self.in_flight.pop(event.attempt, None)
                self.settled = self.settled + event.cost if self.settled else event.cost
            case AttemptCorrected() if self.settled is not None:
                self.settled = self.settled + event.cost.less(event.was)

    @property
    def cost(self) -> Cost:
        """Give the sum."""
        costs = [*([self.settled] if self.settled else []), *self.in_flight.values()]
        return Cost.total(costs, costs[0].currency if costs else "USD")
