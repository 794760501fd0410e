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


TYPES = (
    *("azure-openai", "bfl", "dashscope", "fal", "gemini", "image-tasks", "nano-banana-pro-http", "openai-images"),
    *("nano-banana-pro-https", "openrouter", "replicate", "seedream", "stability", "vertex", "xai"),
)


def rows(table):
    return {line.split()[0]: line for line in table.splitlines() if line.split()}


def test_every_built_in_plugin_is_listed_with_what_it_can_do(pixroute):
    """Plugins with their versions, then provider types side by side: abilities, prices and times."""
    run = pixroute("plugins")

    assert (run.code, run.err) == (0, "")
    plugins, abilities, terms = run.out.split("\n\n")
    assert "nano-banana   pixroute 0.1.0  nano-banana-pro-http, nano-banana-pro-https" in plugins
    assert set(TYPES) <= rows(abilities).keys()
    assert set(TYPES) <= rows(terms).keys()
    assert "1K 2K 4K" in rows(abilities)["nano-banana-pro-http"]
    assert rows(terms)["seedream"].split() == ["seedream", "-", "$0.04", "$0.04", "vendor", "11", "18", "documented"]
    assert terms.count("2026-11") == 8  # below whose list it is
    assert rows(terms)["azure-openai"].split()[1:4] == ["?", "?", "-"]
    assert "depends on its settings" not in run.out


@pytest.mark.parametrize(("columns", "tables"), [(80, 3), (160, 2)])
def test_it_fits_the_screen(pixroute, monkeypatch, columns, tables):
    """One table where there is room for it, else two; no line is longer than the screen."""
    monkeypatch.setenv("COLUMNS", str(columns))

    run = pixroute("plugins")

    assert len(run.out.split("\n\n")) == tables
    assert max(map(len, run.out.splitlines())) <= columns


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
