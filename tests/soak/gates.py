"""I7 for a fleet (semantics §10), from what all its processes told: a half-open breaker is one, wherever it is asked.

While nobody of the fleet has seen a sign of life, one probe is under way: with a store that is away one in each
process, for each is alone then. On the ramp each process may admit one where its part is less.
"""

import json
from collections import defaultdict

from pixroute.events import AttemptFinished, AttemptStarted, BreakerChanged
from pixroute.outcome import Stage

RAMP_EVERY, RAMP_SHARE = 3.0, 8
"""As the ramp of one process: it may double each three seconds, and by each answer; at first an eighth passes."""


def line_of(event):
    """Write down what of an event matters here; None: nothing. The loop's clock is the machine's."""
    if isinstance(event, BreakerChanged):
        return json.dumps({"what": "breaker", "at": event.at, "key": event.key, "state": event.state})
    if isinstance(event, AttemptStarted):
        keys = [f"{event.upstream} {event.resolution}", event.origin]
        return json.dumps({"what": "started", "at": event.at, "attempt": event.attempt, "keys": keys})
    if isinstance(event, AttemptFinished):
        good = event.failure is None or event.failure.answered or event.stage >= Stage.VALIDATE
        queued = event.stage is Stage.QUEUED
        return json.dumps(
            {"what": "finished", "at": event.at, "attempt": event.attempt, "good": good, "queued": queued}
        )
    return None


class FleetGate:
    """One breaker as the whole fleet has it: the states of its processes, and the probes under way."""

    def __init__(self):
        self.states, self.in_flight, self.probes = {}, set(), set()
        self.before, self.successes, self.since = 0, 0, 0.0

    def change(self, process, state, at):
        """Take a process's change; a phase begins with the first that is half-open after none was."""
        was = self.states.get(process, "closed")
        if state == "open" and was == "closed":
            fresh = set(self.states.values()) <= {"closed"}
            self.before = max(len(self.in_flight), 0 if fresh else self.before)
        if state == "half-open" and "half-open" not in self.states.values():
            self.probes, self.successes, self.since = set(), 0, at
        self.states[process] = state
        if state == "open" and was == "half-open":
            self.probes = {one for one in self.probes if one[0] != process}  # an older generation's

    def allowed(self, at):
        """Give the most that a ramp can have come to."""
        steps = self.successes + int((at - self.since + 0.001) // RAMP_EVERY)
        return max(1, self.before // RAMP_SHARE) * 2 ** min(steps, 30)

    def start(self, process, attempt, at, processes):
        """Take an attempt's start; give what is wrong."""
        self.in_flight.add((process, attempt))
        if self.states.get(process) != "half-open":
            return None
        self.probes.add((process, attempt))
        most = self.allowed(at) + processes
        return f"number {len(self.probes)} of at most {most}" if len(self.probes) > most else None

    def finish(self, process, attempt, *, good):
        """Take an attempt's end."""
        self.in_flight.discard((process, attempt))
        self.successes += good and (process, attempt) in self.probes
        self.probes.discard((process, attempt))


def check(told, processes):
    """Look at what all processes told, lists of lines by process; give what is wrong, and the most probes at once."""
    lines = sorted(
        ((json.loads(line), name) for name, own in told.items() for line in own), key=lambda each: each[0]["at"]
    )
    never = {(name, one["attempt"]) for one, name in lines if one["what"] == "finished" and one["queued"]}
    gates, keys, wrong, most = defaultdict(FleetGate), {}, [], 0
    for one, name in lines:
        if one["what"] == "breaker":
            gates[one["key"]].change(name, one["state"], one["at"])
            continue
        attempt = one["attempt"]
        if (name, attempt) in never:
            continue
        if one["what"] == "started":
            keys[name, attempt] = one["keys"]
            for key in one["keys"]:
                if said := gates[key].start(name, attempt, one["at"], processes):
                    wrong.append(f"I7 of the fleet: {attempt} of {name} in {key} is {said}")
                most = max(most, len(gates[key].probes))
        else:
            for key in keys.pop((name, attempt), ()):
                gates[key].finish(name, attempt, good=one["good"])
    return wrong, most
