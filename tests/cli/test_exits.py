"""How commands end."""

import asyncio
import json
import logging
import signal
import subprocess
import sys
from decimal import Decimal

import click
import pytest
from attrs import evolve

from pixroute import Billing, Capabilities, FailureKind, ImageRequest, Policy, Stage, errors
from pixroute.cli import main
from pixroute.cli.app import pixroute as commands
from pixroute.cli.choose import RouterSource
from pixroute.cli.exits import MEANINGS, Exit, exit_code
from pixroute.cli.generate import GenerateJob, _run
from pixroute.cli.report import interruption
from pixroute.cli.save import Target
from pixroute.content import InMemory
from pixroute.cost import Cost
from pixroute.events import AttemptFinished
from pixroute.outcome import Delivered, Success
from pixroute.policy import RetryPolicy
from pixroute.testing import Act, FakeProvider, fail, fake_router, picture
from pixroute.testing.fake import blank_png


@pytest.fixture
def generate(folder, capsys):
    """Run `generate` with these providers; gives exit code, stdout and stderr."""

    def run(*providers, n=1, as_json=False, **limits):
        policy = Policy(retry=RetryPolicy(quick=False, rounds=()))
        job = GenerateJob(
            request=ImageRequest("x", size="1K", n=n),
            limits=limits,
            target=Target(None),
            source=RouterSource(
                open=lambda observers: fake_router(*providers, policy=policy, observers=observers.values()),
                sentence="Using fakes.",
                emulated=False,
            ),
            json=as_json,
            quiet=as_json,
        )
        return asyncio.run(_run(job)), *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("script", "limits", "code"),
    [
        (picture(), {}, Exit.OK),
        (fail(FailureKind.AUTH), {}, Exit.FAILED),
        (fail(FailureKind.MODERATED), {}, Exit.MODERATED),
        (fail(FailureKind.INVALID), {}, Exit.USAGE),
        (picture(), {"timeout": 0.001}, Exit.NO_TIME),
        (picture(), {"max_cost": 0}, Exit.NO_MONEY),
    ],
)
def test_the_code_says_how_a_request_ended(generate, script, limits, code):
    """Scripts can tell a refusal from an outage."""
    ended, _, err = generate(FakeProvider(script, latency=(1, 2, 3)), **limits)  # unknown times would forbid nothing

    assert ended is code
    assert err.startswith("Error: ") is (code is not Exit.OK)
    assert err.count("\n") <= 1


def test_some_of_several_missing(generate, folder):
    """One of two pictures is written, the other named, and the code is its own."""
    halting = FakeProvider(picture(), fail(FailureKind.AUTH), capabilities=Capabilities(max_images=1))

    code, out, _ = generate(halting, n=2)

    assert code is Exit.PARTIAL
    assert "Missing: part 2: scripted auth" in out
    assert len(list(folder.iterdir())) == 1


def test_a_picture_paid_for_in_vain_is_kept(generate, folder):
    """Too small is not what was asked, but it cost its price: it is written, and the money told."""
    small = Success(pictures=(Delivered(content=InMemory(blank_png(64, 64))),))

    code, out, err = generate(FakeProvider(Act(outcome=small)))

    [path] = folder.iterdir()
    assert code is Exit.FAILED
    assert f"Saved {path.name}: 64x64 PNG by fake-1 (fake-1); not what was asked, but paid for." in out
    assert path.name.endswith("-rejected.png")
    assert "Cost: $0.04 certain." in out
    assert err.startswith("Error: No picture after 1 attempt; 1 may have been billed.")


def test_a_failure_as_json(generate):
    """The document tells the error; the sentence is on stderr too."""
    code, out, err = generate(FakeProvider(fail(FailureKind.AUTH)), as_json=True)

    document = json.loads(out)
    assert code is Exit.FAILED
    assert document["error"]["type"] == "AllProvidersFailed"
    assert document["paths"] == []
    assert document["attempts"][0]["failure"]["kind"] == "auth"
    assert err.startswith("Error: Every provider asked refused the key")


def test_every_error_of_the_library_has_a_code_of_its_own():
    """Nothing that is raised on purpose is called a bug, but the error that says it is one."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]

    codes = {kind: exit_code(kind.__new__(kind)) for kind in kinds}

    assert [kind for kind, code in codes.items() if code is Exit.BUG] == [errors.InternalError]
    assert codes[errors.Moderated] is Exit.MODERATED
    assert codes[errors.ConfigError] is Exit.USAGE
    assert exit_code(ZeroDivisionError()) is Exit.BUG


@pytest.mark.parametrize("command", ["generate", "explain", "plugins", "emulate"])
def test_help_lists_every_code(pixroute, command):
    """The table in the code is the table in --help."""
    run = pixroute(command, "--help")

    assert run.code == 0
    for code, meaning in MEANINGS.items():
        assert f"{code}  {meaning}" in run.out


def test_without_the_extra_one_sentence_says_how_to_install_it(monkeypatch, capsys):
    """The command line is an extra."""
    monkeypatch.setitem(sys.modules, "click", None)

    code = main(["plugins"])

    assert code == 2
    assert capsys.readouterr().err == (
        "pixroute: the command line needs packages that are not installed (click): pip install 'pixroute[cli]'\n"
    )


@pytest.mark.slow  # a process of its own, interrupted once an attempt is in flight
def test_an_interrupted_request_says_what_it_may_have_cost(folder):
    """Ctrl-C is no traceback, and the money is told."""
    command = [sys.executable, "-c", "import sys; from pixroute.cli import main; sys.exit(main())"]
    arguments = ["generate", "x", "--emulated", "--time-scale", "1", "--fault", "none"]
    with subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    ) as process:
        assert process.stdout
        assert process.stderr
        while "asked;" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()

    assert process.returncode == 130
    assert err.splitlines()[-1] == "Interrupted."
    assert "billed" in err
    assert "Traceback" not in err


def test_a_bug_is_a_sentence_too(pixroute):
    """No traceback unless asked for, and a code that blames nobody else."""
    commands.add_command(click.Command("crash", callback=lambda: 1 / 0))
    try:
        run = pixroute("crash")
    finally:
        del commands.commands["crash"]

    assert run.code == Exit.BUG
    assert run.err == (
        "Error: ZeroDivisionError: division by zero\nThis is a bug in pixroute; PIXROUTE_TRACEBACK=1 shows where.\n"
    )


def test_the_library_s_warnings_are_sentences(pixroute):
    """What a log file would hold with a traceback is one line here."""

    def warn():
        try:
            {}["key"]
        except KeyError:
            logging.getLogger("pixroute.routing").exception("provider %s raised", "acme")

    commands.add_command(click.Command("warn", callback=warn))
    try:
        run = pixroute("warn")
    finally:
        del commands.commands["warn"]

    assert (run.code, run.err) == (0, "Warning: provider acme raised (PIXROUTE_TRACEBACK=1 shows where)\n")


def test_what_an_interruption_may_have_cost():
    """Only what may be billed counts."""
    ended = AttemptFinished(
        at=1.0,
        request="a",
        attempt="a-1",
        provider="banana",
        stage=Stage.WAIT,
        billing=Billing.AMBIGUOUS,
        cost=Cost(possible=Decimal("0.09")),
        seconds=1.0,
    )

    assert interruption([ended]) == "May have been billed: 1 by banana, $0.09 possible."
    assert interruption([evolve(ended, billing=Billing.FREE, cost=Cost())]) == "Nothing was billed."


def test_where_a_picture_lies_that_was_paid_for_is_shown(generate):
    """Whoever reads it can fetch it by hand."""
    lost = fail(FailureKind.BAD_IMAGE, url="https://files.example/x.png?sig=1")

    code, out, _ = generate(FakeProvider(lost))

    assert code == Exit.FAILED
    assert "Paid for and not fetched: https://files.example/x.png?sig=1" in out
