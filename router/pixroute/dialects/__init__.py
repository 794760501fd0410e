"""Wire formats that several plugins speak: pure functions between values and JSON."""
