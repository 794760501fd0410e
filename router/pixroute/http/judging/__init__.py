"""What an answer, or its absence, says: pure readings, from words and signs to a failure."""
