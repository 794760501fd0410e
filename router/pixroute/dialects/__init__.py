"""Wire formats that several plugins speak: pure functions between values and JSON."""

from pixroute.dialects.dialect import Dialect

__all__ = ["Dialect"]
