"""How callers ask and what they are answered, by dialect."""
