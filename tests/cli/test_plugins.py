"""`pixroute plugins`."""

import pytest


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """A distribution on the path whose plugin cannot be imported."""
    metadata = tmp_path / "site" / "acme-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[pixroute]\nacme = acme_that_is_not_there\n")
    monkeypatch.syspath_prepend(metadata.parent)


def test_every_built_in_plugin_is_listed_with_what_it_can_do(pixroute):
    """Plugins with their versions, and provider types side by side."""
    run = pixroute("plugins")

    assert (run.code, run.err) == (0, "")
    plugins, types = run.out.split("\n\n")
    assert "nano-banana  pixroute 0.1.0  nano-banana-pro-http, nano-banana-pro-https" in plugins
    rows = {line.split()[0]: line for line in types.splitlines() if line.split()}
    assert {"gemini", "nano-banana-pro-http", "nano-banana-pro-https", "openai-images", "seedream"} <= set(rows)
    assert "1K 2K 4K" in rows["nano-banana-pro-http"]
    assert "$0.09" in rows["nano-banana-pro-http"]
    assert "unknown" in rows["openai-images"]


def test_a_broken_plugin_is_named_with_why(pixroute, broken):
    """It harms no other, and its owner can find it."""
    run = pixroute("plugins")

    assert run.code == 0
    assert "Broken: plugin acme (of acme) is broken: ModuleNotFoundError" in run.out
    assert "seedream" in run.out
    assert "Traceback" not in run.err


def test_a_blocked_plugin_is_named(pixroute, monkeypatch):
    """What PIXROUTE_DISABLE_PLUGINS leaves out is said."""
    monkeypatch.setenv("PIXROUTE_DISABLE_PLUGINS", "seedream")

    run = pixroute("plugins")

    assert "Blocked: seedream." in run.out
    assert "\nseedream " not in run.out
