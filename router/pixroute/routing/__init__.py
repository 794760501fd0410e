"""One request: planned, driven, recorded."""
