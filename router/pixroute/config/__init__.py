"""Configuration: read, checked, every mistake at once."""
