"""Reference pictures as wires want them."""

import pytest

from pixroute.dialects.references import data_uri_of, media_type_of
from pixroute.request import Reference


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"RIFF\x00\x00\x00\x00WAVE", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_the_type_is_sniffed_where_none_is_declared(data, expected):
    """The first bytes say what it is."""
    assert media_type_of(Reference(data=data)) == expected


def test_a_declared_type_stands():
    """What was declared, or found when the file was read, is not sniffed again."""
    assert media_type_of(Reference(data=b"\xff\xd8\xff", media_type="image/png")) == "image/png"


def test_a_data_uri_holds_type_and_base64():
    """The form Seedream takes references in."""
    assert data_uri_of(Reference(data=b"hi", media_type="image/png")) == "data:image/png;base64,aGk="
