"""What each client shows when it asks the gateway: a table for docs/serve-clients.md, written by `nox -s clients`.

Usage: run.py PYTHON NODE_FOLDER [PAGE]: an interpreter that has the Python clients, a folder with `node_modules`.
"""

import asyncio
import json
import os
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from pixroute.config.serve import ServeSettings
from pixroute.serve.call import Watching
from pixroute.serve.gateway import Gateway
from pixroute.serve.keys import changing, mint
from pixroute.serve.listen import key_ring, listening, repeats_of
from pixroute.serve.names import Menu
from pixroute.testing.emulated import emulated_router
from pixroute.testing.emulator import Emulator
from pixroute.testing.fake import blank_png

HERE = Path(__file__).parent
CASES = (
    "picture", "edit", "stream", "refusal", "late failure", "late failure in a stream", "time-out", "401", "429",
)  # fmt: skip
CLIENTS = (
    ("openai (Python)", "clients.py", "openai"),
    ("openai (Node)", "clients.mjs", "openai"),
    ("google-genai (Python)", "clients.py", "google-genai"),
    ("@google/genai (Node)", "clients.mjs", "google-genai"),
    ("litellm, as a client", "clients.py", "litellm"),
    ("ai (Vercel)", "clients.mjs", "ai"),
    ("langchain-openai (Python), chat", "clients.py", "langchain"),
    ("@langchain/openai (Node), DallEAPIWrapper", "clients.mjs", "langchain"),
    ("curl", "clients.py", "curl"),
)
SCALE = 0.02
ALIVE = {"quiet_for": 0.4, "heartbeat_every": 0.3}
REFUSED = {"*": "refused"}
LATE = {"*": "refused:after=60"}
SLOW = {"*": "slow:factor=4"}
PAGE_HEAD = """# What clients show

Official clients, real packages, before an emulated gateway: what each shows of a picture, an edit, a stream, a refusal
within `quiet_for`, one after it (plain and in a stream), a time-out of the client's own of 1 s while signs of life come
every 0.3 s and the picture takes longer, a wrong API key, and too many requests. Written by `nox -s clients`;
[the gateway](serve.md) says what follows.
"""


async def gateway(stack, faults, folder, **settings):
    """Serve the emulated chain with these faults; gives the URL."""
    emulator = await stack.enter_async_context(Emulator(time_scale=SCALE, tls=True, faults=faults))
    chains = {"default": ("banana-http", "banana-https", "seedream")}
    router = await stack.enter_async_context(
        emulated_router(emulator, time_scale=SCALE, observers={"gateway": Watching()}, chains=chains)
    )
    placed = ServeSettings(port=0, drain=0, access_log=False, keys=folder / "keys.json", **{**ALIVE, **settings})
    repeats = repeats_of(placed)
    made = Gateway(
        router=router,
        settings=placed,
        menu=Menu(chains=chains, models={}),
        repeats=repeats,
        keys=await key_ring(placed),
    )
    return await stack.enter_async_context(listening(made))


def key(folder, **fields):
    """Make a key of the server's."""
    text, made = mint("a client", by="nox", now=0.0, **fields)
    with changing(folder / "keys.json") as keys:
        keys[made.prefix] = made
    return text


async def ask(command, base, text, folder):
    """Run a client once; give what it shows."""
    environment = {**os.environ, "BASE": base, "KEY": text, "PICTURE": str(folder / "a.png"), "NO_PROXY": "*"}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 180)
    lines = [line for line in out.decode().splitlines() if line.startswith('"')]
    return json.loads(lines[-1]) if lines else f"broke: {err.decode()[-300:]}"


async def rows(python, node):
    """Ask everything of everybody."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.png").write_bytes(blank_png(64, 64))
        good = key(folder)
        used_up = [key(folder, per_minute=1) for _ in CLIENTS]
        async with AsyncExitStack() as stack:
            places = {
                "refusal": await gateway(stack, REFUSED, folder, quiet_for=60.0),
                "late failure": await gateway(stack, LATE, folder),
                "late failure in a stream": await gateway(stack, LATE, folder),
                "time-out": await gateway(stack, SLOW, folder),
            }
            plain = await gateway(stack, {}, folder)
            for number, (title, script, client) in enumerate(CLIENTS):
                program = [python, str(HERE / script)] if script.endswith(".py") else ["node", str(node / script)]
                row = [title]
                for case in CASES:
                    text = {"401": "pxr_wrong", "429": used_up[number]}.get(case, good)
                    if case == "429":
                        await ask([*program, client, "picture"], plain, text, folder)
                    row.append(await ask([*program, client, case], places.get(case, plain), text, folder))
                print(row, file=sys.stderr, flush=True)
                yield row


async def main(python, node, page=None):
    """Write the page, or print the table."""
    (node / "clients.mjs").write_text((HERE / "clients.mjs").read_text(encoding="utf-8"))
    lines = ["| client | " + " | ".join(CASES) + " |", "| --- " * (len(CASES) + 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" async for row in rows(python, node)]
    text = PAGE_HEAD + "\n" + "\n".join(lines) + "\n"
    if page is None:
        print(text)
    else:
        await asyncio.to_thread(Path(page).write_text, text)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]).resolve(), *sys.argv[3:]))
