"""The image upstreams on this machine, faithful to their documents, with faults on request."""

from pixroute.testing.emulator.call import ReceivedCall
from pixroute.testing.emulator.faults import FAULTS, Fault, FaultKind
from pixroute.testing.emulator.ledger import CallLedger, LedgerEntry
from pixroute.testing.emulator.server import Emulator

__all__ = ["FAULTS", "CallLedger", "Emulator", "Fault", "FaultKind", "LedgerEntry", "ReceivedCall"]
