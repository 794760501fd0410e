"""What decoding a 25 MB picture costs beside json.loads and b64decode: `python tests/benchmarks/bench_body.py`.

Both ways take turns in one process, so that they meet the same machine; figures are medians. Memory is the resident
peak (VmHWM, so Linux) of a process of its own, above what it was before the first byte.
"""

import base64
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from pixroute.http.body import BodyDecoder

PICTURE = 25_000_000
CHUNK = 256 * 1024
ROUNDS = 9


def naive(body: bytes) -> bytes:
    """Decode what has arrived whole."""
    return base64.b64decode(json.loads(body)["data"][0]["b64_json"])


def decoded(chunks: list[bytes], feeds: list[float]) -> bytes:
    """Decode chunk by chunk, and note the longest time one of them stopped everything else."""
    decoder = BodyDecoder()
    worst = 0.0
    for chunk in chunks:
        begin = time.perf_counter()
        decoder.feed(chunk)
        worst = max(worst, time.perf_counter() - begin)
    feeds.append(worst)
    return decoder.result()["data"][0]["b64_json"].data()


def cpu(work: Callable[[], bytes], picture: bytes) -> float:
    """CPU seconds of one run, its result compared outside of them."""
    begin = time.process_time()
    result = work()
    spent = time.process_time() - begin
    assert result == picture or base64.b64decode(base64.b64encode(result)) == picture
    return spent


def compare(name: str, text: bytes, picture: bytes) -> None:
    """Print the ratio of CPU time and the worst feed for one way to write the picture."""
    body = b'{"created":1,"data":[{"b64_json":"%b"}]}' % text
    chunks = [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)]
    slow, fast, feeds = [], [], []
    for _ in range(ROUNDS):
        slow.append(cpu(lambda: naive(body), picture))
        fast.append(cpu(lambda: decoded(chunks, feeds), picture))
    medians = [1000 * statistics.median(times) for times in (slow, fast, feeds)]
    line = "{}: naive {:.0f} ms, decoder {:.1f} ms = {:.3f} x; worst feed {:.2f} ms (in all rounds {:.2f} ms)"
    print(line.format(name, *medians[:2], medians[1] / medians[0], medians[2], 1000 * max(feeds)))  # noqa: T201 - a script


def resident(field: str) -> int:
    """Bytes this process has resident: now (VmRSS), or ever had (VmHWM)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.split(f"{field}:")[1].split()[0])


def measure_memory(sink: str) -> None:
    """In a process of its own: print the peak above idle for a picture fed from a single chunk, again and again."""
    open_sink: Any = partial(NamedTemporaryFile, dir=".") if sink == "file" else None
    chunk = base64.b64encode(os.urandom(CHUNK // 4 * 3))
    warm = BodyDecoder()
    warm.feed(b'["%b"]' % chunk)
    warm.result()
    warm.close()
    idle = resident("VmRSS")
    decoder = BodyDecoder(open_sink=open_sink)
    decoder.feed(b'["')
    for _ in range(PICTURE // (CHUNK // 4 * 3)):
        decoder.feed(chunk)
    decoder.feed(b'"]')
    [blob] = decoder.result()
    data = blob.head if open_sink else blob.data()
    peak = resident("VmHWM") - idle
    assert data
    print(f"{sink} sink: peak {peak / 1024**2:.1f} MiB above idle = {peak / blob.size:.3f} x the picture")  # noqa: T201 - a script
    decoder.close()


def main() -> None:
    """Print everything."""
    picture = os.urandom(PICTURE)
    plain = base64.b64encode(picture)
    compare("plain", plain, picture)
    compare("escaped slashes", plain.replace(b"/", b"\\/"), picture)
    compare("lines of 76", base64.encodebytes(picture).replace(b"\n", b"\\n"), picture)
    for sink in ("memory", "file"):
        subprocess.run([sys.executable, __file__, sink], check=True)


if __name__ == "__main__":
    measure_memory(sys.argv[1]) if len(sys.argv) > 1 else main()
