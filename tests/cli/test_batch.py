"""`pixroute batch` over the real router, the real wire and the emulator."""

import asyncio
import json
import signal
import sys
from collections import Counter
from random import Random

import pytest
from PIL import Image

from pixroute.batch.folder import Folder
from pixroute.batch.items import read_items
from pixroute.ledger import read_ledger
from pixroute.request import ImageRequest
from pixroute.testing.emulator import Emulator

COMMAND = [sys.executable, "-c", "import sys; from pixroute.cli import main; sys.exit(main())", "batch"]
FAST = ("--emulated", "--time-scale", "0.01", "--fault", "none", "--size", "1K")
CONFIG = """
[chains]
default = ["banana"]
[providers.banana]
type = "nano-banana-pro-http"
base_url = "{url}"
api_key = {{ env = "KEY" }}
plaintext = "accept"
allow_private_results = true
"""


@pytest.fixture
def prompts(folder):
    """A file of so many items."""

    def prompts(count, **more):
        path = folder / "prompts.jsonl"
        rows = ({"id": f"item-{number}", "prompt": f"wish {number}", **more} for number in range(count))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    return prompts


@pytest.mark.slow  # pictures are made and sent for real
def test_a_batch_started_again_buys_nothing_twice(pixroute, folder, prompts):
    """The first run makes the pictures, the second knows them."""
    first = pixroute("batch", prompts(3), "-o", "out", *FAST)
    second = pixroute("batch", prompts(3), "-o", "out", *FAST)

    assert (first.code, first.err, second.code) == (0, "", 0)
    assert "[3/3] item-" in first.out
    assert first.out.splitlines()[-1] == "3 items: 3 done (3 now), 0 failed, 0 doubtful, 0 not begun."
    assert "3 of 3 items are done already." in second.out
    assert "This run: " in second.out
    assert ", $0. All runs: $0.27." in second.out
    assert len((folder / "out" / "manifest.jsonl").read_text().splitlines()) == 3
    with Image.open(folder / "out" / "item-0.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (1024, 1024))


@pytest.mark.slow  # as above
def test_json_is_one_document_and_progress_goes_elsewhere(pixroute, prompts):
    """What is left, what it cost, and where the manifest is."""
    run = pixroute("batch", prompts(4), "-o", "out", *FAST, "--max-cost", "0.20", "--json")

    document = json.loads(run.out)
    assert run.code == 6
    assert (document["done"], document["items"], len(document["not_begun"])) == (2, 4, 2)
    assert document["stopped"] == "the rest of the cost limit pays for no other picture"
    assert document["cost"] == {"certain": "0.18", "possible": "0", "currency": "USD"}
    assert document["manifest"] == "out/manifest.jsonl"
    assert "[1/4] item-" in run.err


@pytest.mark.slow  # as above
def test_the_limit_is_for_all_runs_together(pixroute, prompts):
    """Nothing is left for the second."""
    pixroute("batch", prompts(2), "-o", "out", *FAST, "--max-cost", "0.10")

    run = pixroute("batch", prompts(2), "-o", "out", *FAST, "--max-cost", "0.10")

    assert run.code == 6
    assert "Stopped: the rest of the cost limit pays for no other picture." in run.out
    assert "All runs: $0.09." in run.out


@pytest.mark.slow  # as above
def test_what_was_perhaps_bought_is_listed_and_left_alone(pixroute, prompts):
    """Until told otherwise."""
    arguments = ("batch", prompts(1), "-o", "out", "--emulated", "--time-scale", "0.01", "--timeout", "20", "--json")
    cut = [argument for provider in ("banana", "seedream") for argument in ("--fault", f"{provider}=reset:after=0.1")]

    first = pixroute(*arguments, *cut)
    second = pixroute(*arguments, "--fault", "none")
    third = pixroute(*arguments, "--fault", "none", "--retry-doubtful")

    doubtful = [{"item": "item-0", "line": 1, "end": "AllProvidersFailed"}]
    assert (first.code, json.loads(first.out)["doubtful"]) == (1, doubtful)
    assert (second.code, json.loads(second.out)["doubtful"]) == (1, doubtful)
    assert (third.code, json.loads(third.out)["done_now"]) == (0, 1)


def test_bad_lines_are_told_before_anything_is_made(pixroute, folder):
    """Not even the folder."""
    (folder / "prompts.txt").write_text("x\n")
    (folder / "prompts.jsonl").write_text('{"prompt": ""}\n{"prompt": "x", "size": "5K"}\n')

    run = pixroute("batch", "prompts.jsonl", "-o", "out", "--emulated")

    assert run.code == 2
    assert run.err.startswith("Error: prompts.jsonl: 2 problems\n  line 1: the prompt is empty")
    assert not (folder / "out").exists()


def test_what_nobody_can_serve_is_told_before_anything_is_bought(pixroute, folder, prompts):
    """With its line."""
    run = pixroute("batch", prompts(2, chain="nowhere"), "-o", "out", *FAST)

    assert run.code == 2
    assert "line 1: there is no chain 'nowhere'" in run.err
    assert "line 2: there is no chain 'nowhere'" in run.err
    assert not Folder(folder / "out").history().open


def test_emulated_and_real_pictures_do_not_share_a_folder(pixroute, prompts, write_config, monkeypatch):
    """A trial run must not pass for the real one."""
    monkeypatch.setenv("KEY", "any")
    pixroute("batch", prompts(1, chain="nowhere"), "-o", "out", *FAST)
    write_config("nano-banana-pro-https")

    run = pixroute("batch", prompts(1), "-o", "out")

    assert run.code == 2
    assert "-o out holds emulated pictures; take another folder." in run.err


class Life:
    """A batch in a process of its own, before an emulator in this one."""

    def __init__(self, folder, emulator):
        (folder / "pixroute.toml").write_text(CONFIG.format(url=emulator.http_url))
        self.folder = Folder(folder / "out")

    async def begin(self, *arguments):
        """Start the command."""
        return await asyncio.create_subprocess_exec(
            *COMMAND, "prompts.jsonl", "-o", "out", "--concurrency", "4", *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=self.folder.path.parent,
        )  # fmt: skip


@pytest.mark.slow  # twelve processes, ten of them killed
async def test_killed_at_ten_random_moments_it_buys_no_finished_picture_twice(folder, prompts, monkeypatch):
    """And the journal names every item of which it is not known whether it was bought."""
    monkeypatch.setenv("KEY", "any")
    file, random = prompts(80, size="1K"), Random(10)
    async with Emulator(time_scale=0.005) as emulator:
        batch = Life(folder, emulator)
        for _ in range(10):
            process = await batch.begin()
            for _ in range(random.randint(1, 8)):  # lines: what it begins with, then one for every item
                await process.stdout.readline()
            await asyncio.sleep(random.uniform(0, 0.2))
            process.kill()
            await process.communicate()
        finished = batch.folder.history().finished
        process = await batch.begin()
        told, _ = await process.communicate()
        await emulator.idle()

        items = read_items(folder / file, ImageRequest("any"))
        bought = Counter(entry.prompt for entry in emulator.ledger.entries if entry.billed)
        stands = batch.folder.status(items, batch.folder.history())
        assert process.returncode == 6, told.decode()
        assert len(finished) > 5
        assert stands.doubtful
        assert all(bought[item.request.prompt] == 1 for item in stands.done)
        assert all(bought[item.request.prompt] <= 1 for item in stands.doubtful)
        assert {item.id for item in items if bought[item.request.prompt]} <= {
            item.id for item in (*stands.done, *stands.doubtful)
        }
        assert all(item.id.encode() in told for item in stands.doubtful[:20])
        assert sum(entry.cost.certain + entry.cost.possible for entry in read_ledger(batch.folder.ledger).entries) >= (
            bought.total() * 9 / 100
        )

        process = await batch.begin("--retry-doubtful")
        told, _ = await process.communicate()
        again = Counter(entry.prompt for entry in emulator.ledger.entries if entry.billed)
        assert process.returncode == 0, told.decode()
        assert all(again[item.request.prompt] == 1 for item in stands.done)


@pytest.mark.slow  # a process of its own, interrupted while it works
@pytest.mark.parametrize("times", [1, 2])
async def test_interrupted_it_lets_what_is_in_flight_end_and_says_what_may_be_billed(
    folder, prompts, monkeypatch, times
):
    """The first Ctrl-C is patient; after the second what was given up is doubtful, at its price."""
    monkeypatch.setenv("KEY", "any")
    prompts(20, size="1K")
    async with Emulator(time_scale=0.02 if times == 1 else 1) as emulator:
        batch = Life(folder, emulator)
        process = await batch.begin()
        while emulator.ledger.received < 4:  # noqa: ASYNC110 - another process brings it about
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        told = await process.stdout.readuntil(b"once more gives it up.\n")
        if times == 2:
            process.send_signal(signal.SIGINT)
        rest, _ = await process.communicate()

    report = (told + rest).decode()
    assert process.returncode == 130
    if times == 1:
        assert "20 items: 4 done (4 now), 0 failed, 0 doubtful, 16 not begun." in report
    else:
        assert "20 items: 0 done (0 now), 0 failed, 4 doubtful, 16 not begun." in report
        assert "$0.36 possible" in report
