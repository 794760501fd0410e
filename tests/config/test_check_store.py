"""`check` looks where a SQLite store lies."""

from pathlib import Path

import pytest

from pixroute.config import check_store
from pixroute.config.build import build
from pixroute.config.check import examine
from pixroute.config.load import structure
from pixroute.plugins import load_plugins

MOUNTS = """\
22 1 0:20 / / rw,relatime shared:1 - overlay overlay rw
23 22 0:21 / /dev/shm rw - tmpfs tmpfs rw
24 22 0:22 / /var/lib rw - ext4 /dev/sda1 rw
25 24 0:23 / /var/lib/far rw - nfs4 host:/far rw
26 22 0:24 / /mnt/two\\040words rw - cifs //host/share rw
27 22 half a line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/state.db", "overlay"),
        ("/dev/shm/state.db", "tmpfs"),
        ("/var/lib/pixroute/state.db", "ext4"),
        ("/var/lib/far/state.db", "nfs4"),
        ("/var/lib/farther/state.db", "ext4"),
        ("/mnt/two words/state.db", "cifs"),
    ],
)
def test_the_longest_mount_point_counts(path, kind):
    """Names are whole, and may hold spaces."""
    assert check_store.file_system(Path(path), MOUNTS) == kind


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/var/lib/far/state.db", "does not keep the locks"),
        ("/dev/shm/state.db", "is memory"),
        ("/srv/state.db", "container's own layer"),
        ("/var/lib/pixroute/state.db", None),
    ],
)
def test_a_store_in_a_wrong_place_is_told(path, told, tmp_path, monkeypatch):
    """With what to do; a good place needs no word."""
    (tmp_path / "mounts").write_text(MOUNTS)
    monkeypatch.setattr(check_store, "MOUNTS", tmp_path / "mounts")
    said = {
        "chains": {"default": ["one"]},
        "providers": {"one": {"type": "seedream", "api_key": "k" * 20}},
        "shared": {"store": path},
    }
    found = [
        one for one in examine(build(structure(said, load_plugins(), base=tmp_path))) if one.path == "shared.store"
    ]

    assert [told in one.message for one in found] == ([True] if told else [])
    assert all("PostgreSQL" in one.fix for one in found)
