"""What `check` says of the form of a `base_url` and of a key."""

import pytest

from pixroute.config.check_places import _wrong

OPENAI, GEMINI, BANANA, ARK = ("/v1", "/api/v1"), ("/v1beta", "/v1"), ("",), ("/api/v3",)


@pytest.mark.parametrize(
    ("path", "versions", "right"),
    [
        ("/v1", OPENAI, None),
        ("/openai/v1", OPENAI, None),
        ("", OPENAI, "/v1"),
        ("/v1/v1", OPENAI, "/v1"),
        ("/v1/images/generations", OPENAI, "/v1"),
        ("/v1/chat/completions", OPENAI, "/v1"),
        ("/images/generations", OPENAI, "/v1"),
        ("", BANANA, None),
        ("/v1", BANANA, ""),
        ("/v1beta", BANANA, ""),
        ("/v1/images/generations", BANANA, ""),
        ("", GEMINI, "/v1beta"),
        ("/v1beta", GEMINI, None),
        ("/v1", GEMINI, None),
        ("/v1beta/openai", GEMINI, "/v1beta"),
        ("/v1beta/models/gemini-3-pro-image:generateContent", GEMINI, "/v1beta"),
        ("/v1", ARK, "/api/v3"),
        ("/api/v3", ARK, None),
        ("", ARK, "/api/v3"),
        ("/api/v3/images/generations", ARK, "/api/v3"),
    ],
)
def test_a_wrong_path_is_told_with_the_right_one(path, versions, right):
    """A version that is doubled, missing or one too many, and a whole route."""
    found = _wrong(path, versions)

    assert (found and found[1]) == right
