"""What the fault suite needs: a router on a real wire, real intermediaries, and a network that can fall silent."""

import asyncio
import base64
import contextlib
import gc
import ipaddress
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import zlib

import pytest
from attrs import define, evolve, field, frozen

from pixroute import Policy, RequestFailed, Router
from pixroute.http.pace import Pace
from pixroute.http.transport import Transport
from pixroute.latency import Latency, Quantiles
from pixroute.outcome import Billing
from pixroute.policy import BreakerPolicy
from pixroute.secret import Secret
from pixroute.testing import FakeProvider
from pixroute.testing.emulated import scaled
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import Step
from pixroute.testing.invariants import Invariants
from pixroute_nano_banana.provider import NanoBananaProHttpsSettings, create

KEY = "sk-correct-horse-battery-staple"
PROMPT = "a lighthouse at dusk, for nobody else to read"

SCALE = 0.01
"""An attempt's 300 s are 3."""
PACE = Pace(connect=1.0, send_idle=0.3, body_idle=0.3, grace=0.2, fetch=1.0, slowest=64 * 1024)
POLICY = evolve(scaled(Policy(), SCALE), breaker=BreakerPolicy())
USUAL = Latency(table=dict.fromkeys(("1K", "2K", "4K"), Quantiles(0.45, 0.9, 1.5)))


@frozen
class Told:
    """What the caller was told of one request: `result`, or the error."""

    result: object
    error: RequestFailed | None

    @property
    def attempts(self):
        """Every attempt, in the order of their starts."""
        return (self.result or self.error).record.attempts

    @property
    def first(self):
        """The first attempt."""
        return self.attempts[0]


@define
class Wired:
    """A router whose first provider speaks over a real wire."""

    router: Router
    transport: Transport
    told: list = field(factory=list)

    async def ask(self, prompt=PROMPT, **options):
        """Ask for a picture and give what came of it."""
        result = error = None
        try:
            result = await self.router.generate(prompt, **{"size": "1K"} | options)
        except RequestFailed as raised:
            error = raised
        self.told.append(Told(result, error))
        return self.told[-1]

    def state(self, scope="upstream"):
        """Give state and reason of the first provider's breaker, or of its account's hold."""
        entries = [entry for entry in self.router.health() if entry.scope == scope and "fake" not in entry.key]
        return (entries[0].state, entries[0].reason) if entries else None

    async def check(self):
        """Find no connection that anybody still holds."""
        for _ in range(3):
            await asyncio.sleep(0)  # an attempt's task ends a moment after its outcome
        if self.router._life._reaper.tasks:
            await asyncio.wait(self.router._life._reaper.tasks)
        held = [c for one in self.transport._connections.values() for c in one.connector._acquired]
        assert held == []


def primary(base_url, **settings):
    """Give a built-in provider that speaks to an address of this machine."""
    usual = {"api_key": Secret(KEY), "plaintext": "accept", "latency": USUAL, "allow_private_results": True}
    return create("primary", NanoBananaProHttpsSettings(base_url=base_url, **usual | settings))


@pytest.fixture
def wired(request):
    """Open a router: first what speaks to `base_url`, then a fallback that delivers at once, or `fallback`, or None.

    After it closes, every invariant has held and no connection is held.
    """

    @contextlib.asynccontextmanager
    async def wired(base_url, *, fallback=(), policy=POLICY, settings=None, observers=None, **transport):
        second = FakeProvider(latency=(0.01, 0.02, 0.03)) if fallback == () else fallback
        providers = {"primary": primary(base_url, **(settings or {}))} | ({"fallback": second} if second else {})
        checker = Invariants(providers=providers)
        own = Transport(**{"pace": PACE} | transport)
        router = Router(
            providers=providers,
            chains={"default": list(providers)},
            policy=policy,
            observers={"invariants": checker} | (observers or {}),
            seed=0,
            transport=own,
        )
        async with router:
            wire = Wired(router, own)
            yield wire
            await wire.check()
        checker.check_end(router.health())
        attempts = [attempt for told in wire.told for attempt in told.attempts]
        shown = [attempt for attempt in attempts if attempt.failure] or attempts
        request.config.stash.setdefault(TABLE, []).extend((request.node.name, attempt) for attempt in shown[:1])

    wired.policy = POLICY
    return wired


@pytest.fixture
def fails_over(wired):
    """Ask once, and find the first attempt failed so and the picture made by the fallback.

    A failure without an answer of the provider is never asked again there; no failure tells key or prompt.
    """

    async def fails_over(base_url, kind, stage, billing, *, says="", **options):
        async with wired(base_url, **options) as wire:
            told = await wire.ask()

        assert (told.first.kind, told.first.stage, told.first.billing) == (kind, stage, billing)
        assert says in told.first.failure.message
        assert told.first.failure.advice
        assert KEY not in str(told.first.failure)
        assert PROMPT not in str(told.first.failure)
        assert told.result is not None
        assert (told.result.provider, told.result.fell_back) == ("fallback", True)
        if billing is not Billing.FREE:
            assert [attempt.provider for attempt in told.attempts] == ["primary", "fallback"]
        return told

    return fails_over


@pytest.fixture
def delivers():
    """Make the step that answers with a picture."""

    def delivers(data, **options):
        return Step.json({"created": 1, "data": [{"b64_json": base64.b64encode(data).decode()}]}, **options)

    return delivers


@pytest.fixture
def heavy_png():
    """Make a valid picture of 1024 x 1024 that is as heavy as asked."""

    def heavy_png(size):
        light = blank_png(1024, 1024)
        name, data = b"heVy", bytes(size - len(light) - 12)
        chunk = struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        return light[:-12] + chunk + light[-12:]

    return heavy_png


def descriptors():
    """Give what this process holds open; nothing on a system without /proc."""
    held = set()
    for link in pathlib.Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):  # that of the listing itself
            held.add((link.name, link.readlink()))
    return held


@pytest.fixture(autouse=True)
async def nothing_is_left():
    """After every test: no task pending, every file descriptor given back."""
    before = descriptors()
    yield
    for _ in range(100):
        tasks, opened = asyncio.all_tasks() - {asyncio.current_task()}, descriptors() - before
        if not tasks and not opened:
            return
        await asyncio.sleep(0.01)  # transports and child processes close in the loop's next rounds
        gc.collect()
    assert (tasks, opened) == (set(), set())


TABLE = pytest.StashKey()
COLUMNS = ("fault", "kind", "stage", "billing", "seconds to decision")


def pytest_terminal_summary(terminalreporter, config):
    """Tell what became of the first attempt that each fault spoiled, or of the first if it spoiled none."""
    rows = [
        (name.removeprefix("test_"), first.kind or "picture", first.stage.name, first.billing, f"{first.seconds:.2f}")
        for name, first in sorted(config.stash.get(TABLE, []), key=lambda row: row[0])
    ]
    if not rows:
        return
    table = [COLUMNS, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(COLUMNS))]
    terminalreporter.section("faults, and what became of them")
    for row in table:
        terminalreporter.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_read_timeout {timeout};
            {extra}
        }}
    }}
}}
"""

HAPROXY = """
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server {timeout}
frontend client
    bind fd@{fd}
    default_backend upstream
backend upstream
    server only 127.0.0.1:{upstream}
"""


def needs(*programs):
    """Skip the test where a program is missing."""
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


@contextlib.contextmanager
def serving(listening, command, **environment):
    """Run a server in the foreground on a socket that listens already, so that nobody has to wait for it."""
    with subprocess.Popen(command, pass_fds=[listening.fileno()], env=os.environ | environment) as process:
        listening.close()
        try:
            yield
        finally:
            process.terminate()


@pytest.fixture
def nginx(tmp_path):
    """Return a function that puts nginx in front of a port of this machine and returns its origin."""
    needs("nginx")

    def start(upstream, *, timeout="1s", extra=""):
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        folder = tmp_path / f"nginx-{port}"
        folder.mkdir()
        user = "user root;" if os.geteuid() == 0 else ""  # its workers must reach `folder`
        config = folder / "nginx.conf"
        config.write_text(
            NGINX.format(folder=folder, user=user, port=port, upstream=upstream, timeout=timeout, extra=extra)
        )
        command = ["nginx", "-e", folder / "nginx.log", "-c", config]
        running.enter_context(serving(listening, command, NGINX=f"{listening.fileno()};"))
        return f"http://127.0.0.1:{port}"

    with contextlib.ExitStack() as running:
        yield start


@pytest.fixture
def haproxy(tmp_path):
    """Return a function that puts HAProxy in front of a port of this machine and returns its origin."""
    needs("haproxy")

    def start(upstream, *, timeout="1s"):
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        config = tmp_path / f"haproxy-{port}.cfg"
        config.write_text(HAPROXY.format(fd=listening.fileno(), upstream=upstream, timeout=timeout))
        running.enter_context(serving(listening, ["haproxy", "-db", "-f", config]))
        return f"http://127.0.0.1:{port}"

    with contextlib.ExitStack() as running:
        yield start


# The router knows the connections it has seen begin, and answers packets of others with RST.
STATE = "chain state { type filter hook forward priority 0; ct state invalid meta l4proto tcp reject with tcp reset; }"
DROP = "chain fault { type filter hook forward priority -1; policy drop; }"
DROP_SYN = "chain fault { type filter hook forward priority -1; tcp flags & (syn | ack) == syn drop; }"

ROOT_LINKS = """
link add px{router} type veth peer name uplink netns {router}
addr add {a}/30 dev px{router}
link set px{router} up
route add {d}/32 via {b}
"""
ROUTER_LINKS = """
link add downlink type veth peer name uplink netns {server}
addr add {b}/30 dev uplink
addr add {c}/30 dev downlink
link set uplink up
link set downlink up
"""
SERVER_LINKS = """
addr add {d}/30 dev uplink
link set uplink up
route add default via {c}
"""


def run(command, text=None):
    """Run a command that must succeed."""
    subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.DEVNULL)


def inside(process, *command, text=None):
    """Run a command in the network namespace of a process."""
    run(["nsenter", f"--net=/proc/{process.pid}/ns/net", *command], text)


@frozen
class Path:
    """A server behind a router, each in a network namespace of its own; the test stays in the root namespace."""

    router: asyncio.subprocess.Process
    server: asyncio.subprocess.Process
    origin: str

    def drop(self):
        """Drop every packet from now on, in silence."""
        self.rule(DROP)

    def drop_syn(self):
        """Drop the first packet of every new connection from now on, in silence."""
        self.rule(DROP_SYN)

    def heal(self):
        """Drop nothing any more."""
        inside(self.router, "nft", "delete", "chain", "inet", "path", "fault")

    def forget(self):
        """Let every connection expire in the router."""
        inside(self.router, "conntrack", "-F")

    def expire_after(self, seconds):
        """Let connections made from now on expire in the router after so many seconds without a packet."""
        inside(self.router, "sysctl", "-w", f"net.netfilter.nf_conntrack_tcp_timeout_established={seconds}")

    async def received(self):
        """Wait for the server's next request."""
        await asyncio.wait_for(self.server.stdout.readline(), 10)

    def answer(self):
        """Let the server answer one request, 200 with the body `late`."""
        self.server.stdin.write(b"\n")

    def rule(self, chain):
        """Add a chain to the router's nftables."""
        inside(self.router, "nft", "-f", "-", text=f"table inet path {{\n{chain}\n}}\n")


def join(router, server):
    """Join root, router and server by two links; return the server's address.

    The addresses are of 198.18.0.0/15, which is set aside for tests of networks (RFC 2544): eight for each router.
    """
    first = ipaddress.ip_address("198.18.0.0") + 8 * (router.pid % 2**14)
    a, b, c, d = first + 1, first + 2, first + 5, first + 6
    names = {"router": router.pid, "server": server.pid, "a": a, "b": b, "c": c, "d": d}
    batch = ["ip", "-batch", "-"]
    run(batch, ROOT_LINKS.format(**names))
    inside(router, *batch, text=ROUTER_LINKS.format(**names))
    inside(server, *batch, text=SERVER_LINKS.format(**names))
    inside(router, "sysctl", "-w", "net.ipv4.ip_forward=1", "net.netfilter.nf_conntrack_tcp_loose=0")
    return d


@contextlib.asynccontextmanager
async def namespace(*command):
    """Run a command in a network namespace of its own, which ends with it; yield its process.

    The command must end with its standard input, so that nothing outlives a test run that was killed.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("unshare", "--net", *command, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@pytest.fixture
async def netns():
    """Give the path to a server in another network, which answers each request when it is told to."""
    needs("ip", "nft", "nsenter", "unshare", "sysctl", "conntrack")
    server_script = pathlib.Path(__file__).with_name("namespaced_server.py")
    async with (
        namespace("sh", "-c", "echo ready; exec cat") as router,
        namespace(sys.executable, server_script) as server,
    ):
        ready, port = await router.stdout.readline(), await server.stdout.readline()
        if not (ready and port):
            pytest.skip(f"network namespaces are not permitted here: {(await router.stderr.read()).decode()}")
        address = join(router, server)
        path = Path(router, server, f"http://{address}:{int(port)}")
        path.rule(STATE)
        yield path
