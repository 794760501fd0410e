"""The image upstreams on this machine, faithful to their documents, with faults on request."""

from pixroute.testing.emulator.call import ReceivedCall
from pixroute.testing.emulator.faults import FAULTS, Fault, FaultKind, learn
from pixroute.testing.emulator.ledger import CallLedger, LedgerEntry
from pixroute.testing.emulator.place import EmulatedPlace
from pixroute.testing.emulator.server import Emulator
from pixroute.testing.emulator.services import Service

__all__ = [
    "FAULTS",
    "CallLedger",
    "EmulatedPlace",
    "Emulator",
    "Fault",
    "FaultKind",
    "LedgerEntry",
    "ReceivedCall",
    "Service",
    "learn",
]
