"""What is remembered between requests: breakers, holds, latencies, slots."""
