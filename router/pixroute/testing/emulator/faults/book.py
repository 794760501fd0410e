"""Which fault strikes which call."""

from collections import deque
from typing import TYPE_CHECKING

from pixroute.testing.emulator.faults.fault import Fault, unknown
from pixroute.testing.emulator.models import FAMILIES, family
from pixroute.testing.emulator.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pixroute.testing.emulator.call import ReceivedCall

LISTENERS = ("http", "https")
ROUTES = ("images", "edits", "native", "ark", "chat", "files", "models")
Selector = frozenset[str]

ALIASES = {"banana-http": "http/banana", "banana-https": "https/banana", "*": ""}


def parse_selector(text: str, providers: "Collection[str]" = ()) -> Selector:
    """Read words joined by "/", all of which must fit a call: a listener, route, model or family of models.

    "@NAME" is a provider that says its name, and so is one of `providers`, for whom it may be left out. Else
    "banana-http" and "banana-https" are the listeners of the default chain, and "*" is every call.

    Raises:
        ValueError: a word that is none of these.
    """
    if text not in providers:
        text = ALIASES.get(text, text)
    words = frozenset(f"@{word}" if word in providers else word for word in text.split("/") if word)
    own = (route for service in SERVICES for *_, route in service.routes)
    known = {*LISTENERS, *ROUTES, *own, *FAMILIES}
    for word in words:
        if word not in known and not family(word) and not word.startswith("@"):
            raise unknown("selector", word, [*providers, *known, *ALIASES])
    return words


class FaultBook:
    """Scripts go before standing faults; among either the selector of most words, then the newest."""

    def __init__(self) -> None:
        self._standing: dict[Selector, Fault] = {}
        self._scripts: dict[Selector, deque[Fault | None]] = {}

    def set(self, selector: str, fault: Fault | None) -> None:
        """Let every call that fits fail so, until set again; None ends it."""
        words = parse_selector(selector)
        self._standing.pop(words, None)
        if fault:
            self._standing[words] = fault

    def script(self, selector: str, faults: "Iterable[Fault | None]") -> None:
        """Let the next calls that fit take these in order; None is a healthy call."""
        self._scripts.setdefault(parse_selector(selector), deque()).extend(faults)

    def take(self, call: "ReceivedCall") -> Fault | None:
        """The fault of this call."""
        traits = {call.listener, call.route, call.model, family(call.model), f"@{call.provider}"}
        for words in _fitting(self._scripts, traits):
            if self._scripts[words]:
                return self._scripts[words].popleft()
        return next((self._standing[words] for words in _fitting(self._standing, traits)), None)


def _fitting(selectors: "Iterable[Selector]", traits: set[str]) -> list[Selector]:
    newest_first = reversed([words for words in selectors if words <= traits])
    return sorted(newest_first, key=len, reverse=True)
