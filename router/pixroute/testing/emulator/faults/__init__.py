"""Everything that can go wrong, in one table."""

from pixroute.testing.emulator.faults.book import FaultBook
from pixroute.testing.emulator.faults.fault import FAULTS, Fault
from pixroute.testing.emulator.faults.learn import learn
from pixroute.testing.emulator.kind import FaultKind

__all__ = ["FAULTS", "Fault", "FaultBook", "FaultKind", "learn"]
