"""Many pictures from a list: bounded, resumable, never buying a finished picture twice."""
