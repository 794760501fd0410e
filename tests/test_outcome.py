"""The reaction table, cell by cell."""

import pytest

from pixroute.outcome import REACTIONS, Billing, Blame, Failure, FailureKind, HealthSignal, Next, QuickRetry

K, Q, N, V, B = FailureKind, QuickRetry, Next, HealthSignal, Billing

TABLE = [
    # kind, quick retry, next, upstream, origin, hold (first, longest), billing
    (K.CONNECT, Q.UNLESS_TIMED_OUT, N.IN_ORDER, V.NEUTRAL, V.HARD, None, B.FREE),
    (K.TLS, Q.NEVER, N.IN_ORDER, V.NEUTRAL, V.HARD, None, B.FREE),
    (K.DISCONNECTED, Q.NEVER, N.OTHER_UPSTREAMS_FIRST, V.NEUTRAL, V.HARD, None, B.AMBIGUOUS),
    (K.PROXY_CUT, Q.NEVER, N.OTHER_UPSTREAMS_FIRST, V.NEUTRAL, V.HARD, None, B.AMBIGUOUS),
    (K.PROTOCOL, Q.NEVER, N.OTHER_UPSTREAMS_FIRST, V.NEUTRAL, V.HARD, None, B.AMBIGUOUS),
    (K.TIMEOUT, Q.IF_ALLOWED, N.OTHER_UPSTREAMS_FIRST, V.HARD, V.NEUTRAL, None, B.AMBIGUOUS),
    (K.OVERLOADED, Q.WITHOUT_HINT, N.OTHER_UPSTREAMS_FIRST, V.HARD, V.NEUTRAL, None, B.FREE),
    (K.RATE_LIMITED, Q.WITHOUT_HINT, N.OTHER_UPSTREAMS_FIRST, V.THROTTLE, V.NEUTRAL, None, B.FREE),
    (K.SERVER_ERROR, Q.SOON_WITHOUT_HINT, N.IN_ORDER, V.HARD, V.NEUTRAL, None, B.FREE),
    (K.QUOTA, Q.NEVER, N.OTHER_ACCOUNTS, V.NEUTRAL, V.NEUTRAL, (3600, 3600), B.FREE),
    (K.AUTH, Q.NEVER, N.OTHER_ACCOUNTS, V.NEUTRAL, V.NEUTRAL, (30, 300), B.FREE),
    (K.FORBIDDEN, Q.NEVER, N.NOT_SIBLINGS, V.NEUTRAL, V.NEUTRAL, None, B.FREE),
    (K.MODEL_GONE, Q.NEVER, N.NOT_SIBLINGS, V.NEUTRAL, V.NEUTRAL, None, B.FREE),
    (K.INVALID, Q.NEVER, N.OTHER_CAPABILITIES, V.NEUTRAL, V.NEUTRAL, None, B.FREE),
    (K.MODERATED, Q.NEVER, N.AS_POLICY_SAYS, V.NEUTRAL, V.NEUTRAL, None, None),
    (K.EMPTY, Q.NEVER, N.OTHER_UPSTREAMS_FIRST, V.HARD, V.NEUTRAL, None, B.BILLED),
    (K.BAD_IMAGE, Q.NEVER, N.OTHER_UPSTREAMS_FIRST, V.HARD, V.NEUTRAL, None, B.BILLED),
    (K.UNDERSIZED, Q.NEVER, N.OTHER_UPSTREAMS_FIRST, V.NEUTRAL, V.NEUTRAL, None, B.BILLED),
    (K.SKIPPED, Q.NEVER, N.IN_ORDER, V.NEUTRAL, V.NEUTRAL, None, B.FREE),
    (K.CANCELLED, Q.NEVER, N.NONE, V.NEUTRAL, V.NEUTRAL, None, B.AMBIGUOUS),
    (K.UNKNOWN, Q.NEVER, N.OTHER_UPSTREAMS_FIRST, V.HARD, V.NEUTRAL, None, B.AMBIGUOUS),
]


@pytest.mark.parametrize(("kind", "retry", "next_", "upstream", "origin", "hold", "billing"), TABLE, ids=str)
def test_every_cell_of_the_reaction_table(kind, retry, next_, upstream, origin, hold, billing):
    """The table says for each kind who is asked next, what health learns and what it cost."""
    row = REACTIONS[kind]

    assert (row.quick_retry, row.next, row.upstream, row.origin, row.billing) == (
        retry,
        next_,
        upstream,
        origin,
        billing,
    )
    assert (row.hold and (row.hold.first, row.hold.longest)) == hold


def test_every_kind_has_a_row_and_a_test():
    """No kind is left to chance."""
    assert list(REACTIONS) == list(FailureKind) == [row[0] for row in TABLE]


def test_only_three_kinds_open_an_upstream_by_one_answer():
    """FORBIDDEN for 5 minutes, MODEL_GONE for an hour at all resolutions, UNDERSIZED for an hour at one."""
    opens = {kind: (row.opens_for, row.opens_every_resolution) for kind, row in REACTIONS.items() if row.opens_for}

    assert opens == {K.FORBIDDEN: (300, False), K.MODEL_GONE: (3600, True), K.UNDERSIZED: (3600, False)}


def test_a_failure_speaks_in_sentences():
    """What happened, then what to change, where that is known."""
    assert str(Failure(kind=K.EMPTY, message="Nothing came.", advice="Ask again.")) == "Nothing came. Ask again."
    assert str(Failure(kind=K.EMPTY, message="Nothing came.")) == "Nothing came."


def test_only_four_kinds_are_worth_another_round():
    """Rounds wait for what passes by itself."""
    assert {kind for kind, row in REACTIONS.items() if row.repeats_rounds} == {
        K.CONNECT,
        K.OVERLOADED,
        K.RATE_LIMITED,
        K.SERVER_ERROR,
    }


@pytest.mark.parametrize("kind", [K.INVALID, K.FORBIDDEN, K.MODEL_GONE, K.PROTOCOL, K.AUTH])
def test_somebody_in_between_judged_nothing_about_the_request(kind):
    """Free, the next provider is asked, no hold, no opening, neutral for the upstream, hard for the origin."""
    row = Failure(kind=kind, message="A page.", blame=Blame.HOP).reaction

    assert (row.next, row.upstream, row.origin, row.billing) == (N.OTHER_UPSTREAMS_FIRST, V.NEUTRAL, V.HARD, B.FREE)
    assert (row.hold, row.opens_for) == (None, None)


@pytest.mark.parametrize("kind", [K.AUTH, K.QUOTA])
def test_a_gateways_own_account_is_not_ours(kind):
    """Nothing of ours is held for it; it counts against the upstream, whose siblings are not asked."""
    row = Failure(kind=kind, message="No.", blame=Blame.PROVIDER).reaction

    assert (row.hold, row.upstream, row.next) == (None, V.HARD, N.NOT_SIBLINGS)
