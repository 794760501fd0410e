"""Real intermediaries and a real network for the fault suite: nginx, HAProxy, and namespaces joined by veth pairs."""

import asyncio
import contextlib
import ipaddress
import os
import pathlib
import shutil
import socket
import subprocess
import sys

import pytest
from attrs import frozen

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
