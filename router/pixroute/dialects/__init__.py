"""Wire formats that several plugins speak: pure functions between JSON and values."""
