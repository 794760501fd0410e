"""One request on the wire: connections, time limits, what is sent, what comes."""
