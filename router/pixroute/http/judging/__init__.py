"""What an answer, or its absence, says: pure readings, from words and signs to a failure.

Begin at `envelope.failure_from`; what a status says by itself stands in `evidence.STATUSES`.
"""
