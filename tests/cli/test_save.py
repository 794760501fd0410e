"""Where pictures go."""

import tempfile
from pathlib import Path

import pytest

from pixroute.cli.save import Target
from pixroute.content import InMemory
from pixroute.result import Image
from pixroute.testing.fake import blank_png

PICTURE = Image(content=InMemory(blank_png(8, 8)), format="png", width=8, height=8, provider="fake")


@pytest.mark.parametrize(
    ("path", "count", "what", "written"),
    [
        ("x.png", 1, "", ["x.png"]),
        ("x", 1, "", ["x.png"]),
        ("x.jpg", 1, "", ["x.png"]),
        ("x.png", 2, "", ["x-1.png", "x-2.png"]),
        ("x.png", 1, "rejected", ["x-rejected.png"]),
        (None, 1, "", ["pixroute-id-1.png"]),
    ],
)
async def test_names(folder, path, count, what, written):
    """One picture has the name asked for, several are numbered; the suffix is always the true one."""
    target = Target(Path(path) if path else None)

    paths = await target.save([PICTURE] * count, request_id="id-1", what=what)

    assert [str(path) for path in paths] == written
    assert all(path.read_bytes() == PICTURE.data for path in paths)


async def test_a_picture_that_is_paid_for_is_not_lost(folder, monkeypatch, capsys):
    """The place looked right before, and is gone now: the picture is written elsewhere, and that is said."""
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    [path] = await Target(Path("gone/x.png")).save([PICTURE], request_id="id-1")

    assert path == folder / "x.png"
    assert path.exists()
    assert "Warning: gone/x.png: No such file or directory; written elsewhere." in capsys.readouterr().err
