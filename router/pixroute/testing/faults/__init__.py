"""Everything that goes wrong on the wire, on one machine and on request: for tests of plugins and of services.

Every server listens on a free port for the length of an ``async with``, and is waited for by events, never by sleeping.
"""

from pixroute.testing.faults.certificates import Certificates
from pixroute.testing.faults.dns import Dns, StubResolver
from pixroute.testing.faults.listener import Listener, Peer
from pixroute.testing.faults.proxy import End, FaultProxy, Flow, ProxyPlan
from pixroute.testing.faults.server import Received, ScriptedServer
from pixroute.testing.faults.sink import Sink
from pixroute.testing.faults.steps import Step

__all__ = [
    "Certificates",
    "Dns",
    "End",
    "FaultProxy",
    "Flow",
    "Listener",
    "Peer",
    "ProxyPlan",
    "Received",
    "ScriptedServer",
    "Sink",
    "Step",
    "StubResolver",
]
