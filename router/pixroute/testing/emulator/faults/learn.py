"""Other upstreams than those the emulator brings."""

from pixroute.testing.emulator.faults.bodies import word
from pixroute.testing.emulator.faults.fault import FAULTS
from pixroute.testing.emulator.faults.refusals import shape
from pixroute.testing.emulator.services import BY_NAME, SERVICES, Service


def learn(service: Service) -> None:
    """Let every emulator that is made from now on know another upstream; said again it changes nothing.

    Raises:
        ValueError: another service has its name, or it words a fault that there is not.
    """
    known = BY_NAME.setdefault(service.name, service)
    if known is not service:
        raise ValueError(f"another service is named {service.name!r}")
    if service in SERVICES:
        return
    word(service)
    shape(service)
    FAULTS.update(service.faults)
    SERVICES.append(service)
