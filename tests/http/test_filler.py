"""What gateways write while a picture is made."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixroute.http.body.filler import Filler


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b"", b""),
        (b" \n\t\r\n", b""),
        (b'{"a": 1} ', b'{"a": 1} '),
        (b'\n \r\n{"a": 1}', b'{"a": 1}'),
        (b": keep-alive\n\n: again\r\n[1]", b"[1]"),
        (b": never ends {", b""),
        (b"data: {}\n\n", b"data: {}\n\n"),
        (b"<html>", b"<html>"),
        (b" \x89PNG\r\n", b"\x89PNG\r\n"),
        (b"\xef\xbb\xbf {}", b"\xef\xbb\xbf {}"),
    ],
)
@given(cuts=st.lists(st.integers(0, 30), max_size=4))
def test_the_document_begins_with_its_own_first_byte(body, document, cuts):
    """Wherever the pieces are cut, and what follows the first byte is left alone."""
    filler = Filler()
    edges = sorted({0, len(body), *(min(cut, len(body)) for cut in cuts)})

    left = b"".join(filler.strip(body[a:b]) for a, b in pairwise(edges))

    assert left == document
    assert filler.size == len(body) - len(document)
    assert filler.begun == bool(document)
