"""What this machine lacks, and what raises before anything is sent, is nobody's illness."""

import asyncio
import base64
import errno
import json
import socket
import sys
import textwrap

import aiohttp
import pytest
from attrs import evolve

from pixroute import Router
from pixroute.errors import RequestFailed
from pixroute.events import AttemptFinished, BreakerChanged
from pixroute.http import Call, HttpProvider, HttpSettings
from pixroute.http.judging.exceptions import failure_of
from pixroute.http.judging.lack import LACKS, lack
from pixroute.http.judging.observation import Observation
from pixroute.outcome import Billing, Blame, Failure, FailureKind, HealthSignal, Stage
from pixroute.policy import Policy, RetryPolicy
from pixroute.provider import Capabilities
from pixroute.routing.settle import may_retry_quickly, settle
from pixroute.secret import Secret
from pixroute.testing import FakeProvider, fail
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step
from pixroute.testing.invariants import Invariants

K = FailureKind
PICTURE = base64.b64encode(blank_png(1024, 1024)).decode()
ONCE = Policy(retry=RetryPolicy(quick=False, rounds=()))


def seen(stage):
    return Observation(stage=stage, elapsed=0.1)


class Acme(HttpProvider[HttpSettings]):
    """Asks for a picture in JSON."""

    def capabilities(self):
        """Tell what it can do."""
        return Capabilities()

    def encode(self, request):
        """Write the call."""
        return Call.post("images", json={"prompt": request.prompt})

    def decode(self, reply):
        """Find the picture."""
        return [reply.json["picture"]]


def acme(origin, key, kind=Acme, **settings):
    return kind("main", HttpSettings(base_url=origin, api_key=Secret(key), plaintext="accept", **settings))


async def asked(main, *, times=1, others=(), policy=ONCE):
    """Ask, and give how each attempt at `main` failed, and what breakers said."""
    events, ends = [], []
    providers = {"main": main, **{f"other-{number}": one for number, one in enumerate(others)}}
    invariants = Invariants(providers=providers)
    router = Router(
        providers=providers,
        chains={"default": list(providers)},
        policy=policy,
        observers={"events": events.append, "invariants": invariants},
    )
    async with router:
        for number in range(times):
            try:
                ends.append(await router.generate(f"a lighthouse {number}"))
            except RequestFailed as error:
                ends.append(error)
        holds = [entry for entry in router.health() if entry.scope == "account"]
    for _ in range(3):
        await asyncio.sleep(0)  # slots are given back when the tasks end
    invariants.check_end(router.health())
    failures = [one.failure for one in events if isinstance(one, AttemptFinished) and one.provider == "main"]
    return failures, [one for one in events if isinstance(one, BreakerChanged)], ends, holds


# What an exception says of this machine

OS_ERRORS = [OSError(number, "said") for number in sorted(LACKS.keys() - {errno.EAGAIN})]
LACKING = [
    *OS_ERRORS,
    *(aiohttp.ClientConnectorError(None, one) for one in OS_ERRORS),
    *(aiohttp.ClientOSError(one.errno, "said") for one in OS_ERRORS),
    MemoryError(),
    RuntimeError("can't start new thread"),
    socket.gaierror(socket.EAI_MEMORY, "Memory allocation failure"),
]


@pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.SEND, Stage.WAIT, Stage.BODY])
@pytest.mark.parametrize("error", LACKING, ids=lambda error: f"{type(error).__name__}-{getattr(error, 'errno', '')}")
def test_what_we_lack_moves_no_breaker_at_any_stage(error, stage):
    """Ours, free where nothing left, with what to do; neutral for upstream, origin and account, and rounds repeat."""
    if isinstance(error, aiohttp.ClientConnectorError):
        error._conn_key = type("Key", (), {"host": "h", "port": 1, "ssl": True, "is_ssl": False})()

    failure = failure_of(error, seen(stage))
    settled = settle(evolve(failure, hint=9.0, answered=True), age=1, p99=60, cut_short=False, stage=stage)

    assert failure.blame is Blame.OURS
    assert failure.billing is (Billing.FREE if stage < Stage.SEND else Billing.AMBIGUOUS)
    assert failure.advice
    assert failure.reaction.repeats_rounds
    assert not may_retry_quickly(failure, seconds=1, policy=RetryPolicy(), timeout_given=True)
    assert (settled.upstream, settled.origin) == (HealthSignal.NEUTRAL, HealthSignal.NEUTRAL)
    assert (settled.hint, settled.hold, settled.opens) == (None, None, None)


@pytest.mark.parametrize("kind", K)
def test_whatever_is_ours_moves_nothing(kind):
    """Of any kind, even one that holds an account or opens a breaker."""
    failure = Failure(kind=kind, message="m", blame=Blame.OURS, hint=9.0, answered=True)

    settled = settle(failure, age=1000, p99=60, cut_short=False, stage=Stage.BODY)

    assert (settled.upstream, settled.origin, settled.hint, settled.hold, settled.opens) == (
        HealthSignal.NEUTRAL,
        HealthSignal.NEUTRAL,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "No such file"), ImportError("no module")])
def test_what_could_not_be_opened_before_sending(error):
    """A file of the configuration, a module: ours, free. After sending it is not."""
    failure = lack(error, Stage.QUEUED)

    assert failure is not None
    assert (failure.blame, failure.billing) == (Blame.OURS, Billing.FREE)
    assert lack(error, Stage.BODY) is None


def test_a_reset_is_not_ours():
    """Nor is a host that refuses."""
    assert failure_of(ConnectionResetError(errno.ECONNRESET, "reset"), seen(Stage.WAIT)).blame is not Blame.OURS
    assert failure_of(ConnectionRefusedError(errno.ECONNREFUSED, "no"), seen(Stage.CONNECT)).blame is not Blame.OURS


# Keys

BROKEN_KEYS = {
    "a vault that restarts": (ConnectionError("vault: token hunter2"), "its source raised ConnectionError"),
    "anything at all": (ZeroDivisionError(), "its source raised ZeroDivisionError"),
    "two lines": ("sk-one\nsk-two", "it holds a line end (2 lines)"),
    "a NUL": ("sk-\0one-two", "it holds a NUL"),
    "a zero-width space": ("sk-\u200bone-two", "it holds U+200B"),
    "nothing": ("", "it is empty"),
    "no text": (None, "its source gave NoneType and no text"),
}


@pytest.mark.parametrize("case", BROKEN_KEYS)
async def test_a_key_that_goes_wrong_while_we_run(case):
    """Auth, ours, free, nothing sent; no hold for others, no breaker; a healthy provider of the chain serves."""
    value, why = BROKEN_KEYS[case]
    broken = []

    def key():
        if broken and isinstance(value, Exception):
            raise value
        return value if broken else "sk-good-key"

    async with ScriptedServer(Step.json({})) as server:
        main = acme(server.origin, key)
        broken.append(True)
        failures, opened, ends, holds = await asked(main, times=6, others=[FakeProvider()])

        assert server.requests == []
    assert {(one.kind, one.blame, one.billing, one.stage) for one in failures} == {
        (K.AUTH, Blame.OURS, Billing.FREE, Stage.QUEUED)
    }
    assert len(failures) == 6
    assert why in failures[0].message
    assert "hunter2" not in repr(failures)
    assert (opened, holds) == ([], [])
    assert all(end.images for end in ends)


async def test_a_key_that_is_gone_repeats_rounds():
    """The source may be back in a moment: the round after serves."""
    calls = []

    def key():
        if len(calls) == 1:
            calls.append(None)
            raise OSError("a moment")
        return "sk-good-key"

    class Leaving(Acme):
        def capabilities(self):
            """Let the vault go when the request is planned."""
            calls[:0] = [] if calls else [None]
            return super().capabilities()

    async with ScriptedServer(Step.json({}, status=400)) as server:
        policy = Policy(retry=RetryPolicy(quick=False, rounds=(0.01,)))
        failures, *_ = await asked(acme(server.origin, key, Leaving), policy=policy)

    assert [one.kind for one in failures] == [K.AUTH, K.INVALID]


async def test_the_key_that_was_sent_is_concealed_after_it_has_rotated():
    """The source gives another by the time the answer comes: it is asked once, and what was sent is looked for."""
    rotated = []

    class Rotating(Acme):
        def classify(self, _):
            """Let the key rotate when the answer is read."""
            rotated.append(True)

    def key():
        return "Zx81-other-secret" if rotated else "Zx81-first-secret"

    said = {"error": {"message": "Incorrect API key provided: Zx81-first-secret"}}
    async with ScriptedServer(Step.json(said, status=401)) as server:
        failures, _, ends, _ = await asked(acme(server.origin, key, Rotating))

        assert server.requests[0].headers["Authorization"] == "Bearer Zx81-first-secret"
    assert rotated
    assert "first-secret" not in f"{failures} {ends[0]}"


async def test_a_source_that_fails_after_the_answer_changes_nothing():
    """A free 503 stays a free 503."""
    down = []

    def key():
        if down:
            raise ConnectionError("vault")
        return "sk-good-key"

    class Failing(Acme):
        def classify(self, _):
            """Let the vault go down when the answer is read."""
            down.append(True)

    said = {"error": {"message": "overloaded", "code": "overloaded_error"}}
    async with ScriptedServer(Step.json(said, status=503)) as server:
        failures, *_ = await asked(acme(server.origin, key, Failing))

    assert [(one.kind, one.billing) for one in failures] == [(K.OVERLOADED, Billing.FREE)]


# Plugins


@pytest.mark.parametrize("error", [KeyError("k"), RuntimeError("sk-good-key"), AttributeError(), AssertionError()])
async def test_what_encode_raises_is_ours_and_bars_the_provider(error, caplog):
    """Unknown, free, nothing sent, not asked again in another round; its traceback in the log lost the key."""

    class Broken(Acme):
        def encode(self, request):
            """Raise."""
            raise error

    async with ScriptedServer(Step.json({})) as server:
        policy = Policy(retry=RetryPolicy(rounds=(0.01, 0.01)))
        other = FakeProvider(fail(K.OVERLOADED))
        failures, opened, *_ = await asked(acme(server.origin, "sk-good-key", Broken), others=[other], policy=policy)

        assert server.requests == []
    assert [(one.kind, one.blame, one.billing) for one in failures] == [(K.UNKNOWN, Blame.OURS, Billing.FREE)]
    assert len(other.calls) > 2
    assert [one.key for one in opened if "main" in one.key or server.origin in one.key] == []
    assert "Traceback" in caplog.text
    assert "sk-good-key" not in caplog.text


async def test_what_decode_raises_stays_hard():
    """Money leaves each time: five in a row open the upstream's breaker."""

    class Broken(Acme):
        def decode(self, reply):
            """Raise what is no reading mistake."""
            raise RuntimeError("no")

    async with ScriptedServer(Step.json({})) as server:
        failures, opened, *_ = await asked(acme(server.origin, "sk-good-key", Broken), times=5)

    assert {(one.kind, one.blame, one.billing) for one in failures} == {(K.UNKNOWN, Blame.PROVIDER, Billing.AMBIGUOUS)}
    assert [str(one.reason) for one in opened] == ["streak"]


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "nul\0", "half \ud800"])
async def test_a_header_of_the_call_that_cannot_be_sent(value):
    """A request that cannot be written: invalid, free, and no bug of anybody's."""

    class Headed(Acme):
        def encode(self, request):
            """Put words into a header."""
            return Call.post("images", json={}, headers={"X-Words": value})

    async with ScriptedServer(Step.json({})) as server:
        failures, *_ = await asked(acme(server.origin, "sk-good-key", Headed), others=[FakeProvider()])

    assert [(one.kind, one.billing, one.stage) for one in failures] == [(K.INVALID, Billing.FREE, Stage.QUEUED)]
    assert "X-Words" in failures[0].message


async def test_an_authority_file_that_is_gone(tmp_path):
    """Opening it is our business: ours, free, and told by its reason."""
    main = acme("https://127.0.0.1:9", "sk-good-key", ca_file=tmp_path / "gone.pem")

    failures, opened, ends, _ = await asked(main, times=6, others=[FakeProvider()])

    assert {(one.blame, one.billing) for one in failures} == {(Blame.OURS, Billing.FREE)}
    assert "No such file" in failures[0].message
    assert opened == []
    assert all(end.images for end in ends)


# Answers that are none


@pytest.mark.parametrize("status", [101, 300, 304, 399])
async def test_a_status_that_is_neither_success_nor_error(status):
    """Protocol, ambiguous: it was sent, and nobody says what became of it. It is not asked again at once."""
    async with ScriptedServer(Step.raw(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n".encode())) as server:
        failures, *_ = await asked(acme(server.origin, "sk-good-key"), policy=Policy())

    assert [(one.kind, one.billing) for one in failures] == [(K.PROTOCOL, Billing.AMBIGUOUS)]


@pytest.mark.parametrize("location", ["http://[", "http://[::1", "http://a:b:c/", "https://evil.test:sk-good-key/"])
async def test_a_redirect_to_an_address_that_cannot_be_read(location, caplog):
    """Protocol, and nothing of it in the log."""
    async with ScriptedServer(Step.reply(302, b"", {"Location": location})) as server:
        failures, *_ = await asked(acme(server.origin, "sk-good-key"))

    assert [(one.kind, one.billing) for one in failures] == [(K.PROTOCOL, Billing.AMBIGUOUS)]
    assert "sk-good-key" not in caplog.text + repr(failures)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("said", [("7", "100"), ("7", "soon"), ("soon", "7")])
async def test_two_retry_afters(said):
    """The first that can be read counts."""
    head = "".join(f"Retry-After: {one}\r\n" for one in said)
    answer = f"HTTP/1.1 429 x\r\nContent-Type: application/json\r\n{head}Content-Length: 2\r\n\r\n{{}}".encode()
    async with ScriptedServer(Step.raw(answer)) as server:
        failures, *_ = await asked(acme(server.origin, "sk-good-key"))

    assert [one.hint for one in failures] == [7.0]


# A process without descriptors

CROWD = """
import asyncio, json, resource, sys
from pixroute import HttpProvider, HttpSettings, Capabilities, Policy, Router
from pixroute.errors import RequestFailed
from pixroute.events import AttemptFinished, BreakerChanged
from pixroute.http import Call
from pixroute.policy import RetryPolicy
from pixroute.secret import Secret
from pixroute.testing import FakeProvider

class Acme(HttpProvider[HttpSettings]):
    def capabilities(self): return Capabilities()
    def encode(self, request): return Call.post("images", json={"prompt": request.prompt})
    def decode(self, reply): return [reply.json["picture"]]

async def main(origin, fallback):
    events = []
    providers = {"main": Acme("main", HttpSettings(base_url=origin, api_key=Secret("sk-key-key"), plaintext="accept"))}
    if fallback:
        providers["other"] = FakeProvider()
    router = Router(providers=providers, chains={"default": list(providers)}, observers={"e": events.append},
                    policy=Policy(retry=RetryPolicy(rounds=(0.4, 0.4, 0.4))))
    async with router:
        asked = [router.generate(f"p{n}") for n in range(200)]
        ends = await asyncio.gather(*asked, return_exceptions=True)
    failures = [e.failure for e in events if isinstance(e, AttemptFinished) and e.failure]
    print(json.dumps({
        "untyped": sorted({repr(e) for e in ends if isinstance(e, BaseException) and not isinstance(e, RequestFailed)}),
        "pictures": sum(not isinstance(e, BaseException) for e in ends),
        "opened": [e.key for e in events if isinstance(e, BreakerChanged)],
        "blames": sorted({str(f.blame) for f in failures}),
        "billed": sorted({str(f.billing) for f in failures}),
    }))

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
asyncio.run(main(sys.argv[1], sys.argv[2] == "with"))
"""


@pytest.mark.slow  # starts an interpreter that sends two hundred requests
@pytest.mark.parametrize("fallback", ["with", "without"])
async def test_two_hundred_requests_with_64_descriptors(fallback):
    """All are typed or delivered, what failed is ours and free, and the healthy origin stays closed."""
    slow = Step.pause(0.3) + Step.json({"picture": PICTURE})
    async with ScriptedServer(slow) as server:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", textwrap.dedent(CROWD), server.origin, fallback, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(child.communicate(), 60)
    told = json.loads(out)

    assert told["untyped"] == []
    assert told["opened"] == []
    assert (told["blames"], told["billed"]) == (["ours"], ["free"])
    assert told["pictures"] == 200 if fallback == "with" else told["pictures"] >= 20
