"""A fault by name, checked against the one table of all faults."""

import difflib
from typing import TYPE_CHECKING, Any

from attrs import Attribute, field, frozen

from pixroute.testing.emulator.faults.cases import REPORTED
from pixroute.testing.emulator.faults.errors import ERRORS
from pixroute.testing.emulator.faults.jobs import JOBS
from pixroute.testing.emulator.faults.pages import PAGES
from pixroute.testing.emulator.faults.results import RESULTS
from pixroute.testing.emulator.faults.wires import WIRES
from pixroute.testing.emulator.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixroute.testing.emulator.exchange import EmulatedExchange
    from pixroute.testing.emulator.kind import Default, FaultKind
    from pixroute.testing.emulator.wire import Answer

_OWN: "dict[str, FaultKind]" = {name: kind for service in SERVICES for name, kind in service.faults.items()}
FAULTS: "dict[str, FaultKind]" = ERRORS | PAGES | RESULTS | WIRES | REPORTED | JOBS | _OWN
# Every fault can wait before it strikes: `after`, in seconds before scaling.
COMMON: "dict[str, Default]" = {"after": 0.0}


def unknown(what: str, word: str, known: "list[str]") -> ValueError:
    """Say which word is unknown, the nearest that is known, and all of them."""
    near = difflib.get_close_matches(word, known, n=1)
    hint = f", did you mean {near[0]!r}?" if near else ";"
    return ValueError(f"unknown {what} {word!r}{hint} known: {', '.join(sorted(known))}")


def _check_name(_fault: "Fault", _attribute: "Attribute[str]", name: str) -> None:
    if name not in FAULTS:
        raise unknown("fault", name, list(FAULTS))


def _check_options(fault: "Fault", _attribute: "Attribute[Mapping[str, Any]]", options: "Mapping[str, Any]") -> None:
    for name in options:
        if name not in fault.defaults:
            raise unknown(f"option of {fault.name!r}", name, list(fault.defaults))
        fault.option(name)


@frozen
class Fault:
    """What goes wrong with a call: `Fault("slow", {"factor": 4})` or `Fault.parse("slow:factor=4")`.

    Seconds in options are scaled like all of the emulator's times.

    Raises:
        ValueError: an unknown name, option or value; the message has the nearest and the list.
    """

    name: str = field(validator=_check_name)
    options: "Mapping[str, Any]" = field(factory=dict, validator=_check_options)

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """Read "name" or "name:option=value,option=value"."""
        name, _, rest = text.partition(":")
        pairs = (pair.partition("=") for pair in rest.split(",") if pair)
        return cls(name, {option.strip(): value.strip() for option, _, value in pairs})

    @property
    def defaults(self) -> "Mapping[str, Default]":
        """Its options and what they are when not given."""
        return {**COMMON, **FAULTS[self.name].options}

    def option(self, name: str) -> Any:
        """The value of one option."""
        default = self.defaults[name]
        given = self.options.get(name, default)
        if isinstance(default, tuple):
            if given is not default and given not in default:
                raise unknown(f"{name} of {self.name!r}", given, list(default))
            return given if given is not default else default[0]
        if isinstance(default, str) or given is None:
            return given
        return float(given)

    @property
    def late(self) -> bool:
        """Whether it strikes a job and not its submission."""
        return FAULTS[self.name].late

    async def act(self, exchange: "EmulatedExchange") -> "Answer":
        """Answer a call wrongly."""
        return await FAULTS[self.name].act(exchange)

    def __str__(self) -> str:
        options = ",".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.name}:{options}" if options else self.name
