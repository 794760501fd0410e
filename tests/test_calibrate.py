"""What measured times say."""

import tomllib

import pytest

from pixroute import Quantiles
from pixroute.calibrate import Calibration, lines


def calibration(*seconds, provider="banana", resolution="4K"):
    return Calibration(provider=provider, resolution=resolution, seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "quantiles", "timeout"),
    [
        (range(101, 201), Quantiles(150, 195, 199), 400),
        ([50.0, 120.0, 40.0] * 10, Quantiles(50, 120, 120), 240),
        ([50.0, 120.0, 40.0] * 9 + [50.0, 120.0], Quantiles(50, 120, 120), None),
        ([12.01], Quantiles(13, 13, 13), None),
        ([3.14, 0.02], Quantiles(0.1, 3.2, 3.2), None),
        ([], None, None),
    ],
)
def test_a_quantile_is_what_this_share_of_calls_does_not_exceed(seconds, quantiles, timeout):
    """Rounded up; from 30 pictures on a time-out is twice P99, to the next ten seconds."""
    found = calibration(*seconds)

    assert found.quantiles == quantiles
    assert found.timeout == timeout


def test_the_lines_are_a_configuration():
    """A table for every provider that delivered, every size in it; a time-out where there are pictures enough."""
    found = [
        calibration(*[45, 90, 150] * 10, resolution="1K"),
        calibration(50.5),
        calibration(2.5, provider="örtlich"),
        calibration(provider="mute"),
    ]

    assert tomllib.loads("\n".join(lines(found))) == {
        "providers": {
            "banana": {
                "latency": {"1K": [90, 150, 150], "4K": [51, 51, 51]},
                "attempt_timeout": {"1K": 300},
            },
            "örtlich": {"latency": {"4K": [2.5, 2.5, 2.5]}},
        }
    }
