from __future__ import annotations

import pytest

from pixroute.policy import DEFAULT_TIMEOUTS, TIMEOUT_PRESETS, Policy

PROVIDERS = {"a": {"type": "acme"}}


def chain_policy(read, policy, chain) -> Policy:
    chains = {"default": {"providers": ["a"], **chain}}
    return read({"chains": chains, "providers": PROVIDERS, "policy": policy}).chains["default"].policy


@pytest.mark.parametrize(
    ("policy", "chain", "expected"),
    [
        ({}, {}, DEFAULT_TIMEOUTS),
        ({"attempt_timeout": "home"}, {}, TIMEOUT_PRESETS["home"]),
        ({"attempt_timeout": 7}, {}, dict.fromkeys(DEFAULT_TIMEOUTS, 7.0)),
        ({"attempt_timeout": {"4K": 7}}, {}, {**DEFAULT_TIMEOUTS, "4K": 7.0}),
        ({"attempt_timeout": {"4K": 7}}, {"attempt_timeout": {"1K": 8}}, {**DEFAULT_TIMEOUTS, "4K": 7.0, "1K": 8.0}),
        ({"attempt_timeout": {"4K": 7}}, {"attempt_timeout": {"4K": 8}}, {**DEFAULT_TIMEOUTS, "4K": 8.0}),
        ({"attempt_timeout": {"4K": 7}}, {"attempt_timeout": "datacenter"}, DEFAULT_TIMEOUTS),
        ({"attempt_timeout": "home"}, {"attempt_timeout": {"4K": 8}}, {**TIMEOUT_PRESETS["home"], "4K": 8.0}),
        ({"attempt_timeout": {"4K": 7}}, {"attempt_timeout": 8}, dict.fromkeys(DEFAULT_TIMEOUTS, 8.0)),
    ],
)
def test_attempt_timeouts_merge_by_resolution(policy, chain, expected, read):
    """A table changes only its resolutions; a number or a preset changes all; the chain goes before the global one."""
    found = chain_policy(read, policy, chain)

    assert dict(found.attempt_timeout) == dict(expected)


@pytest.mark.parametrize(
    ("policy", "chain", "expected"),
    [
        ({}, {}, (12, 2, True, 1.0)),
        ({"max_attempts": 3}, {}, (3, 2, True, 1.0)),
        ({"max_attempts": 3}, {"max_attempts": 4}, (4, 2, True, 1.0)),
        ({"max_attempts": 3}, {"max_possibly_billed": 4}, (3, 4, True, 1.0)),
        ({"retry": {"quick": False}}, {"retry": {"max_delay": 0}}, (12, 2, False, 0.0)),
        ({"retry": {"quick": False}}, {"retry": {"quick": True}}, (12, 2, True, 1.0)),
    ],
)
def test_a_chain_says_only_what_differs(policy, chain, expected, read):
    """What a chain leaves out is the global policy's, inside `retry` too; what that leaves out is the default."""
    found = chain_policy(read, policy, chain)

    assert (found.max_attempts, found.max_possibly_billed, found.retry.quick, found.retry.max_delay) == expected


def test_the_global_policy_reaches_a_chain_that_is_a_list(read):
    """A chain without a table has the global policy."""
    config = read({"chains": {"default": ["a"]}, "providers": PROVIDERS, "policy": {"breaker": {"max_failures": 3}}})

    assert config.chains["default"].policy == config.policy
    assert config.policy.breaker.max_failures == 3


def test_a_provider_keeps_only_what_it_says(read):
    """A provider's time-outs stay partial, so that the planner can lay them over any chain's."""
    config = read.one(attempt_timeout={"4K": 7}, hedge_after="off")

    settings = config.providers["a"].settings
    assert (dict(settings.attempt_timeout), settings.hedge_after) == ({"4K": 7.0}, "off")


def test_where_a_value_comes_from(read):
    """The nearest table that says a value, for the resolution asked, is named."""
    config = read(
        {
            "chains": {"default": {"providers": ["a"], "attempt_timeout": {"2K": 2}}},
            "providers": {"a": {"type": "acme", "attempt_timeout": {"4K": 4}}},
            "policy": {"attempt_timeout": {"1K": 1}, "max_attempts": 3},
        }
    )

    def source(name, resolution=None):
        return config.source_of(name, chain="default", provider="a", resolution=resolution)

    assert source("attempt_timeout", "4K") == "providers.a"
    assert source("attempt_timeout", "2K") == "chains.default"
    assert source("attempt_timeout", "1K") == "policy"
    assert source("attempt_timeout", "other") == "default"
    assert source("max_attempts") == "policy"
    assert source("max_cost") == "default"
