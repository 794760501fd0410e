"""What `check` says of the form of a `base_url` and of a key."""

import pytest

from pixroute.config.check_places import _of_another, _wrong

OPENAI, GEMINI, BANANA, ARK = ("/v1", "/api/v1"), ("/v1beta", "/v1"), ("",), ("/api/v3",)
DASHSCOPE, VERTEX = ("/api/v1",), ("/v1beta1", "/v1")


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
        ("/openai/v1", BANANA, ""),
        ("/openai", BANANA, ""),
        ("/openai/deployments/one", BANANA, ""),
        ("/openai/deployments/one/images/generations", BANANA, ""),
        ("/compatible-mode/v1", DASHSCOPE, "/api/v1"),
        ("/api/v1/services/aigc/multimodal-generation/generation", DASHSCOPE, "/api/v1"),
        ("/api/v1", DASHSCOPE, None),
        ("", VERTEX, "/v1beta1"),
        ("/v1beta1/projects/one/locations/global/publishers/google/models/gemini", VERTEX, "/v1beta1"),
        ("/v1/images/generations/async", OPENAI, "/v1"),
    ],
)
def test_a_wrong_path_is_told_with_the_right_one(path, versions, right):
    """A version that is doubled, missing or one too many, and a whole route."""
    found = _wrong(path, versions)

    assert (found and found[1]) == right


@pytest.mark.parametrize(
    ("key", "host", "wrong"),
    [
        ("xai-1", "api.x.ai", None),
        ("sk-1", "api.x.ai", "begins with sk-, as those of openai.com do"),
        ("1", "api.x.ai", "does not begin with xai-"),
        ("AIza1", "europe-west4-aiplatform.googleapis.com", "as those of generativelanguage.googleapis.com do"),
        ("1", "aiplatform.googleapis.com", "does not begin with ya29."),
        ("ya29.1", "aiplatform.googleapis.com", None),
        ("sk-1", "one.openai.azure.com", "as those of openai.com do"),
        ("0123", "one.openai.azure.com", None),
        ("sk-1", "dashscope-intl.aliyuncs.com", None),
        ("xai-1", "dashscope-intl.aliyuncs.com", "as those of x.ai do"),
        ("anything", "gateway.example.com", None),
    ],
)
def test_a_key_of_another_service_is_told(key, host, wrong):
    """By its beginning, where the host's keys are known."""
    found = _of_another(key, host)

    assert (wrong in found) if wrong else found is None
