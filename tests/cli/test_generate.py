"""`pixroute generate` over the real router, the real wire and the emulator."""

import json
import re

import pytest
from PIL import Image

FAST = ("--emulated", "--time-scale", "0.01")
pytestmark = pytest.mark.slow  # pictures are made, sent and converted for real


def test_the_default_run_shows_a_fallback_and_writes_the_picture(pixroute, folder):
    """Overloaded, tried once more, the sibling passed over, Seedream delivering a 4096x4096 PNG: all of it is told."""
    run = pixroute("generate", "A lighthouse at dusk", "--emulated", "--size", "4K", "-o", "lighthouse.png")

    assert (run.code, run.err) == (0, "")
    first, *_ = run.out.splitlines()
    assert first.startswith("EMULATED: no provider is asked")
    assert first.endswith("50 times faster than life (times shown are real seconds); faults: banana-http=overloaded.")
    table = run.out[run.out.index("provider  ") :]
    assert re.search(r"^banana-http +overloaded +\w+ +[\d.]+ +free +\$0 *$", table, re.MULTILINE)
    assert re.search(r"^banana-http \(again\) +overloaded", table, re.MULTILINE)
    assert re.search(r"^seedream +picture +done +[\d.]+ +billed +\$0.04", table, re.MULTILINE)
    assert re.search(r"^banana-https +skipped: shares the", table, re.MULTILINE)
    with Image.open(folder / "lighthouse.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (4096, 4096))
    assert "converted from the jpeg that seedream delivered" in run.out


def test_what_happens_is_told_in_its_order(pixroute):
    """A retry is announced after the failure that caused it, and nobody is called skipped who only waits."""
    run = pixroute("generate", "x", *FAST)

    told = [line.split(" ")[:2] for line in run.out.splitlines() if re.match(r"(banana|seedream)\S*: ", line)]
    assert told == [
        ["banana-http:", "asked;"],
        ["banana-http:", "overloaded"],
        ["banana-http:", "is"],
        ["banana-https:", "skipped,"],
        ["banana-http:", "asked;"],
        ["banana-http:", "overloaded"],
        ["seedream:", "asked;"],
        ["seedream:", "picture"],
    ]


def test_without_faults_the_first_provider_delivers(pixroute, folder):
    """`--fault none` is a healthy day."""
    run = pixroute("generate", "x", *FAST, "--fault", "none", "--size", "1K", "-o", "x.png")

    assert run.code == 0
    assert "faults: none." in run.out
    assert "1024x1024 PNG by banana-http" in run.out
    assert "fallback" not in run.out


def test_json_is_one_document_and_nothing_else(pixroute, folder):
    """Programs read stdout alone: what came, from whom, for how much, and everything tried."""
    run = pixroute("generate", "a secret wish", *FAST, "--size", "2K", "-o", "x.jpg", "--json", "--tag", "team=art")

    document = json.loads(run.out)
    assert (run.code, run.err) == (0, "")
    assert document["emulated"] is True
    assert document["paths"] == ["x.jpg"]
    assert (document["provider"], document["model"]) == ("seedream", "seedream-4-5-251128")
    assert document["cost"] == {"certain": "0.04", "possible": "0", "currency": "USD", "text": "$0.04 certain"}
    assert [attempt["provider"] for attempt in document["attempts"]] == ["banana-http", "banana-http", "seedream"]
    assert document["attempts"][0]["failure"]["kind"] == "overloaded"
    assert document["record"]["decisions"][0]["action"] == "start banana-http"
    assert document["tags"] == {"team": "art"}
    assert "secret wish" not in run.out


def test_quiet_prints_paths_alone(pixroute, folder):
    """`--quiet` is for `xargs`; without -o the name is the request's own, so nothing is overwritten."""
    run = pixroute("generate", "x", *FAST, "--quiet")

    assert (run.code, run.err) == (0, "")
    assert re.fullmatch(r"pixroute-\w{8}-000001\.jpg\n", run.out)
    assert (folder / run.out.strip()).exists()


@pytest.mark.parametrize(
    ("output", "written", "format_"),
    [
        ("x.png", "x.png", "PNG"),
        ("x.jpg", "x.jpg", "JPEG"),
        ("x.jpeg", "x.jpg", "JPEG"),
        ("x.webp", "x.webp", "WEBP"),
        ("x", "x.jpg", "JPEG"),
    ],
)
def test_the_suffix_is_the_format(pixroute, folder, output, written, format_):
    """Seedream delivers JPEG: another suffix is converted and told, none leaves the picture as it is."""
    run = pixroute("generate", "x", *FAST, "--size", "2K", "-o", output)

    assert run.code == 0
    with Image.open(folder / written) as picture:
        assert picture.format == format_
    assert ("converted from the jpeg" in run.out) is (format_ != "JPEG")


def test_several_pictures_are_numbered(pixroute, folder):
    """`-n 2 -o x.png` writes x-1.png and x-2.png, and tells the parts apart."""
    run = pixroute("generate", "x", *FAST, "--fault", "none", "--size", "1K", "-n", "2", "-o", "x.png")

    assert run.code == 0
    assert {path.name for path in folder.iterdir()} == {"x-1.png", "x-2.png"}
    assert "banana-http (part 2): picture" in run.out


def test_a_reference_picture_is_followed(pixroute, folder):
    """`--image` is read, checked and sent."""
    Image.new("RGB", (64, 64), "red").save(folder / "reference.png")

    run = pixroute("generate", "x", *FAST, "--fault", "none", "--size", "1K", "--image", "reference.png")

    assert run.code == 0


def test_a_file_in_the_folder_is_used_and_said(pixroute, write_config, monkeypatch):
    """The first line says which configuration it is; here nobody listens, and the answer is the error's first line."""
    monkeypatch.setenv("KEY", "abcdef")
    write_config("nano-banana-pro-https", 'base_url = "https://127.0.0.1:9"\n[policy.retry]\nrounds = []')

    run = pixroute("generate", "x", "--size", "1K", "--timeout", "60")

    assert run.code == 1
    assert run.out.startswith("Using pixroute.toml in this folder.\n")
    assert run.err.startswith("Error: No picture after 2 attempts; 0 may have been billed.")
    assert "abcdef" not in run.out + run.err


def test_a_gateway_that_gives_a_task_is_told_with_its_id(pixroute):
    """In words and in JSON: somebody may have to ask the provider for it."""
    said = pixroute("generate", "x", *FAST, "--fault", "*=task-id")
    told = json.loads(pixroute("generate", "x", *FAST, "--fault", "*=task-id", "--json").out)

    assert "Left behind: task task_0123456789 of banana-http" in said.out
    assert "use a provider type that polls" in said.out
    assert told["attempts"][0]["failure"]["task"] == "task_0123456789"
