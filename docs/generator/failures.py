"""The pages on failures."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from generator.markdown import Lines, sentence, table
from generator.words import BILLED, EXCEPTIONS, KINDS, NEXT, RETRIES
from pixroute import errors
from pixroute.http.judging.codes import COARSE, CODES
from pixroute.http.judging.evidence import STATUSES
from pixroute.http.judging.words import WORDS
from pixroute.outcome import BLAMED, REACTIONS, Billing, FailureKind, HealthSignal, Reaction, Stage


def which_failure() -> Lines:
    """Tell by what one sees which failure it is, what follows, and what to do."""
    yield "# Which failure is it?\n"
    yield "Every attempt that brought no picture has a kind: `attempt.kind` in `result.attempts` or"
    yield "`error.record.attempts`, `kind` in the ledger, and shown by `pixroute generate`."
    yield "`attempt.failure` says in a sentence who cut it and what to change. The full table is in"
    yield "[the reference](reference/failures.md).\n"
    yield from table(("kind", "what happened", "asked next", "billed", "you"), map(_advice, FailureKind))
    yield "\n## What a call raises\n"
    yield "All are children of `PixrouteError`. A `RequestFailed` carries `record`, `cost`, `images` (paid for and not"
    yield "accepted), `retryable` and `retry_after`.\n"
    yield from table(("exception", "what it means", "you"), map(_raised, _exceptions()))


def _advice(kind: FailureKind) -> tuple[str, ...]:
    row = REACTIONS[kind]
    happened, todo = KINDS[kind]
    following = RETRIES[row.quick_retry] + NEXT[row.next]
    if row.opens_for or row.hold:
        rest = row.opens_for or (row.hold and row.hold.first)
        following += f"; this {'account' if row.hold else 'upstream'} again after {rest:.0f} s"
    billed = "as the provider says" if row.billing is None else BILLED[row.billing]
    return f"[`{kind}`](reference/failures.md#{kind})", happened, following, billed, todo


def failures() -> Lines:
    """Give the reaction table and how each kind is recognised."""
    yield "# Failures\n"
    yield "What each kind means for the next attempt, for health and for money. Planner, breakers and billing read this"
    yield "same table. *hard* and *throttle* are evidence against a breaker; – settles neutral. A complete HTTP answer"
    yield "of any status settles the origin as success, unless somebody in between gave it.\n"
    heads = ("kind", "quick retry", "next provider", "upstream", "origin", "account", "billing", "another round")
    yield from table(heads, map(_reaction, FailureKind))
    yield "\nTwo cells depend on age. `timeout` is neutral if the caller's own deadline cut the attempt while"
    yield "it was younger than P99. `cancelled` is hard if it was older than P99 when it lost, and free before `send`."
    yield "\nWhere somebody else is to blame than the kind's usual one, these rows count instead:\n"
    yield from table(
        ("kind and blame", *heads[1:]), (_cells(f"`{kind}`, `{blame}`", row) for (kind, blame), row in BLAMED.items())
    )
    yield "\nEvidence is read in this order: who speaks; fine machine words; `param`; 401 and 402; words, within what"
    yield "the status class lets them say; coarse machine words; the bare status. Patterns are Python's; machine words"
    yield "are compared without case and punctuation."
    for kind in FailureKind:
        yield f"\n## {kind}\n"
        yield KINDS[kind][0]
        yield from _signals(kind)
    yield "\n## Stages\n"
    yield f"The last one an attempt reached: {', '.join(f'`{stage.name.lower()}`' for stage in Stage)}. Before `send`"
    yield "nothing of the request has left, so nothing can be billed."
    yield "\n## Billing\n"
    yield "Whether the attempt was paid for:\n"
    yield from (f"* `{billing}`: {BILLED[billing]}." for billing in Billing)
    yield "\n## Exceptions\n"
    yield "```text"
    yield inspect.cleandoc(errors.__doc__ or "").split("\n\n", 1)[1]
    yield "```"


def _reaction(kind: FailureKind) -> tuple[str, ...]:
    return _cells(f"[`{kind}`](#{kind})", REACTIONS[kind])


def _cells(name: str, row: Reaction) -> tuple[str, ...]:
    every = ", every resolution" if row.opens_every_resolution else ""
    return (
        name,
        row.quick_retry.value,
        row.next.value,
        f"open {row.opens_for:.0f} s{every}" if row.opens_for else row.upstream.value,
        HealthSignal.HARD.value if row.origin is HealthSignal.HARD else "–",
        f"hold {row.hold.first:.0f} s, at most {row.hold.longest:.0f} s" if row.hold else "–",
        "as the provider says" if row.billing is None else row.billing,
        "yes" if row.repeats_rounds else "no",
    )


def _signals(kind: FailureKind) -> Lines:
    """Give the rows of the tables of evidence, in their order, each with where it was seen."""
    for row in (row for row in CODES if row.kind is kind):
        yield f"\nBy a machine word, fine ({row.seen}): {_pattern(row.pattern)}."
    if coarse := [word for word, of in COARSE.items() if of is kind]:
        yield f"\nBy a coarse machine word: {_codes(coarse)}."
    for words in (words for words in WORDS if words.kind is kind):
        yield f"\nBy words ({words.seen}):\n"
        yield from (f"* {_pattern(one)}" for one in words.patterns)
    if statuses := [status for status, of in STATUSES.items() if of is kind]:
        yield f"\nBy bare status: {_codes(statuses)}."


def _pattern(pattern: str) -> str:
    return f"`` {pattern} ``" if "`" in pattern else f"`{pattern}`"


def _codes(words: Iterable[object]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _exceptions() -> list[type[Exception]]:
    found = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.PixrouteError)]
    return [cls for cls in found if cls not in {errors.PixrouteError, errors.RequestFailed}]


def _raised(cls: type[Exception]) -> tuple[str, ...]:
    return f"`{cls.__name__}`", sentence(cls), EXCEPTIONS[cls]
