"""The tables, the same in SQLite and PostgreSQL."""

VERSION = 1
"""Raised when an older process could no longer work beside a newer one; new columns and tables do not raise it."""

TOLD = (
    """CREATE {unlogged} TABLE IF NOT EXISTS pixroute_told (
      owner TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
      told DOUBLE PRECISION NOT NULL, until DOUBLE PRECISION NOT NULL, PRIMARY KEY (owner, name))""",
)
KEPT = (
    # one row: every transaction changes it first, so that they run one after the other
    """CREATE TABLE IF NOT EXISTS pixroute_store (
      one INTEGER PRIMARY KEY, id TEXT NOT NULL, version INTEGER NOT NULL, turn BIGINT NOT NULL)""",
    # who asked the store within the last hour
    "CREATE TABLE IF NOT EXISTS pixroute_process (owner TEXT PRIMARY KEY, seen DOUBLE PRECISION NOT NULL)",
    # what a living attempt holds: money of a budget, a place at a provider, the right to probe
    """CREATE TABLE IF NOT EXISTS pixroute_lease (
      attempt TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, amount BIGINT NOT NULL,
      owner TEXT NOT NULL, until DOUBLE PRECISION NOT NULL, PRIMARY KEY (owner, attempt, kind, name))""",
    "CREATE INDEX IF NOT EXISTS pixroute_lease_name ON pixroute_lease (kind, name)",
    # processes in which requests wait for a place of the fleet, and since when
    """CREATE TABLE IF NOT EXISTS pixroute_wait (
      owner TEXT NOT NULL, name TEXT NOT NULL, since DOUBLE PRECISION NOT NULL, until DOUBLE PRECISION NOT NULL,
      PRIMARY KEY (owner, name))""",
    # what a process has spent of a budget's window, as its own total: writing it again changes nothing
    """CREATE TABLE IF NOT EXISTS pixroute_spent (
      owner TEXT NOT NULL, name TEXT NOT NULL, spent BIGINT NOT NULL, possibly BIGINT NOT NULL,
      ends DOUBLE PRECISION NOT NULL, PRIMARY KEY (owner, name))""",
    # attempts that may have been billed, until somebody knows
    """CREATE TABLE IF NOT EXISTS pixroute_doubt (
      attempt TEXT NOT NULL, name TEXT NOT NULL, amount BIGINT NOT NULL, ends DOUBLE PRECISION NOT NULL,
      owner TEXT NOT NULL, PRIMARY KEY (owner, attempt, name))""",
    # what an operator said of an upstream, an origin, an account (by digest) or a provider (by name)
    """CREATE TABLE IF NOT EXISTS pixroute_word (
      scope TEXT NOT NULL, name TEXT NOT NULL, resolution TEXT NOT NULL, act TEXT NOT NULL, who TEXT NOT NULL,
      owner TEXT NOT NULL, said DOUBLE PRECISION NOT NULL, until DOUBLE PRECISION NOT NULL, serial BIGINT NOT NULL,
      PRIMARY KEY (scope, name, resolution))""",
)
