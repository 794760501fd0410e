"""What every fault is made of."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import Factory, frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixroute.testing.emulator.exchange import EmulatedExchange
    from pixroute.testing.emulator.wire import Answer

# A number, an optional number (None), free text, or one of several words of which the first is the default.
Default = float | str | tuple[str, ...] | None


@frozen(kw_only=True)
class FaultKind:
    """A line that says what goes wrong, the function that does it, and its options with their defaults.

    `late`: where a call submits a job, it strikes the job and not the submission.
    """

    summary: str
    act: "Callable[[EmulatedExchange], Awaitable[Answer]]"
    options: Mapping[str, Default] = Factory(dict)
    late: bool = False
