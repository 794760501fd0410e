"""Emulator and envelope agree on what every error is."""

import pytest

from pixroute.http.call import Reply
from pixroute.http.judging.envelope import failure_from
from pixroute.outcome import FailureKind as K
from pixroute.outcome import Stage
from pixroute.testing.emulator.faults.bodies import BODIES

EMULATED_KINDS = {
    "overloaded": K.OVERLOADED,
    "rate-limited": K.RATE_LIMITED,
    "quota": K.QUOTA,
    "bad-key": K.AUTH,
    "forbidden": K.FORBIDDEN,
    "model-gone": K.MODEL_GONE,
    "invalid": K.INVALID,
    "server-error": K.SERVER_ERROR,
    "deadline": K.SERVER_ERROR,
    "input-fetch": K.SERVER_ERROR,
    "503": K.OVERLOADED,
}


@pytest.mark.parametrize(
    ("fault", "variant", "voice"),
    [(fault, variant, voice) for fault in BODIES for variant in BODIES[fault] for voice in BODIES[fault][variant]],
)
def test_the_emulator_speaks_no_unknown_word(fault, variant, voice):
    """What the emulator calls a fault, we call by the same name."""
    status, body = BODIES[fault][variant][voice]

    failure = failure_from(Reply(status=status, headers={}, json=body), stage=Stage.DONE)

    assert failure.kind is EMULATED_KINDS.get(variant, EMULATED_KINDS[fault])
