"""`pixroute cheapest`."""

import json

import pytest


def rows(out: str) -> dict[str, list[str]]:
    table = out.split("\n\n")[1].splitlines()[2:]
    return {line.split()[0]: line.split()[1:] for line in table}


def test_every_installed_type_without_a_configuration(pixroute):
    """The cheapest first, what is not known last; who cannot is told with why."""
    run = pixroute("cheapest", "--size", "2K", "--aspect", "16:9")

    assert (run.code, run.err) == (0, "")
    found = rows(run.out)
    prices = [cells[1] for cells in found.values()]
    known = [float(price.removeprefix("$")) for price in prices if price != "unknown"]
    assert known == sorted(known)
    assert prices[len(known) :] == ["unknown"] * (len(prices) - len(known))
    assert found["xai"][:2] == ["2K", "$0.02"]
    assert "stability: makes 1K, not 2K 16:9." in run.out


def test_a_wish_for_more_leaves_fewer(pixroute):
    """A mask is taken by few."""
    import base64  # noqa: PLC0415 - for one test
    from pathlib import Path  # noqa: PLC0415 - for one test

    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    Path("dot.png").write_bytes(base64.b64decode(dot))

    run = pixroute("cheapest", "--image", "dot.png", "--mask", "dot.png")

    assert {"openai-images", "azure-openai"} <= rows(run.out).keys()
    assert "xai: takes no mask." in run.out


@pytest.fixture
def ledger(folder):
    """Two pictures, one failure, and one refusal that is the request's own fault."""
    lines = []
    for number, (kind, seconds) in enumerate([(None, 20), (None, 30), ("overloaded", 1), ("moderated", 2)]):
        attempt = {"attempt": f"r-{number}", "request": "r", "provider": "a", "currency": "USD"}
        lines.append({**attempt, "started": "2026-11-28T12:00:00+00:00", "resolution": "4K", "price": "0.04"})
        billing = {"billing": "free" if kind else "billed", "certain": "0", "possible": "0"}
        lines.append({**attempt, "settled": "2026-11-28T12:01:00+00:00", "kind": kind, "seconds": seconds, **billing})
    path = folder / "ledger.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_a_configurations_providers_and_what_was_seen_of_them(pixroute, write_config, ledger, monkeypatch):
    """Its own prices; the ledger's times before the table's."""
    monkeypatch.setenv("KEY", "abcdefgh")
    write_config("seedream", 'price = { "4K" = "0.02" }')

    run = pixroute("cheapest", "--size", "4K", "--ledger", "ledger.jsonl")

    assert rows(run.out) == {"a": ["4K", "$0.02", "25", "3", "67%"]}


def test_types_may_be_asked_beside_a_configuration(pixroute, write_config):
    """And a machine may read it."""
    write_config("seedream")

    run = pixroute("cheapest", "--types", "--size", "1K", "--json")

    document = json.loads(run.out)
    offers = {offer["name"]: offer for offer in document["offers"]}
    assert offers["seedream"]["resolution"] == "2K"
    assert offers["seedream"]["differs"] == "makes 2K"
    assert offers["stability"]["price"] == "0.03"


def test_nobody(pixroute):
    """Is said in a sentence."""
    run = pixroute("cheapest", "--size", "9000x9000")

    assert run.code == 0
    assert "Nobody could make it." in run.out
