"""What ends a command from outside, in processes of its own."""

import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # each test starts an interpreter

PIXROUTE = [sys.executable, "-c", "import sys; from pixroute.cli import main; sys.exit(main())"]
SLOW = ["generate", "x", "--emulated", "--time-scale", "0.5", "--fault", "none"]


def start(folder, *arguments, before=()):
    return subprocess.Popen(
        [*before, *PIXROUTE, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("before", [[], ["sh", "-c", 'trap "" INT; exec "$0" "$@"']], ids=["shell", "background"])
def test_sigterm_settles_and_is_told(folder, times, before):
    """As Ctrl-C, also of what a script began in the background, where Ctrl-C is ignored; once more changes nothing."""
    process = start(folder, *SLOW, before=before)
    while ": asked" not in (line := process.stdout.readline()):
        assert line
    for _ in range(times):
        process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)

    assert process.returncode == 143
    assert "Traceback" not in err
    assert "Terminated." in err


def test_a_reader_that_leaves_costs_no_picture(folder):
    """The picture is paid and saved, and the code is the conventional one."""
    process = start(folder, "generate", "x", "--emulated", "--fault", "none", "-o", "x.png")
    process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        err = process.stderr.read()

    assert process.wait(timeout=20) == 141
    assert "Traceback" not in err
    assert (folder / "x.png").stat().st_size > 0
