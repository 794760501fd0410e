"""What processes tell each other and what they keep together, in one SQL store.

Two ports: `Told` carries health and may be lost; `Kept` carries money and places, in transactions. SQLite serves the
processes of one machine, PostgreSQL several machines (extra `postgres`).
"""

from pixroute.shared.lease import Lease, LeaseHold, LeaseRefused, LeaseSettlement, Taken
from pixroute.shared.leases import Leases
from pixroute.shared.ports import Fact, Kept, Query, StoreAway, Told
from pixroute.shared.stores import Stores, open_stores

__all__ = [
    "Fact",
    "Kept",
    "Lease",
    "LeaseHold",
    "LeaseRefused",
    "LeaseSettlement",
    "Leases",
    "Query",
    "StoreAway",
    "Stores",
    "Taken",
    "Told",
    "open_stores",
]
