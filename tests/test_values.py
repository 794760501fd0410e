"""Whatever stands in a field that may not is refused where the value is made, in one sentence that names the field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from math import inf, nan
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import attrs
import pytest

from pixroute import Capabilities, HttpSettings, ImageRequest, Latency, Policy, Price, ProviderSettings, Quantiles, Size
from pixroute.config.load import structure
from pixroute.errors import ConfigError
from pixroute.plugins import load_plugins
from pixroute.policy import BreakerPolicy, RetryPolicy
from pixroute.request import Reference, SizeError
from pixroute.secret import Secret
from pixroute.values import Mistake, Range, field_kinds, fits, members

HALF = "half an emoji \ud83d"
GIVEN: dict[type, dict[str, Any]] = {
    Policy: {},
    RetryPolicy: {},
    BreakerPolicy: {},
    ProviderSettings: {},
    HttpSettings: {},
    Capabilities: {},
    ImageRequest: {"prompt": "a lighthouse"},
    Reference: {"data": b"1"},
    Size: {"resolution": "1K"},
    Price: {"amounts": {"4K": 1}},
    Latency: {},
    Quantiles: {"p50": 1, "p95": 2, "p99": 3},
}
"""Every class of values that callers make, with what must be given."""
WRONG: tuple[Any, ...] = (
    *(object(), True, False, -1, -0.5, 0, 0.5, 1.5, 2, 10**30, 10**500, nan, inf, -inf, Decimal("NaN"), Decimal(-1)),
    *("", "of", "Stop", "4k", "5", "0x0", HALF, b"x", None, [], [None], ["x"], [nan], {}, {"4K": nan}, {"8K": 1}),
    *({"4K": HALF}, {5: 5}, {"a": 5}, (1, 2), (2, 1), (0, 0), {"4K"}, {"8K"}, {(0, 1)}, [[]], {"a": {"b": nan}}),
)
PLUGINS = load_plugins()
GIVEN |= {spec.settings: {} for spec in PLUGINS.providers.values()}
FIELDS = [(cls, name) for cls in GIVEN for name in field_kinds(cls)]


@pytest.mark.parametrize(("cls", "name"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_a_field_is_right_or_refused_by_name(cls, name):
    """A ValueError of one short sentence with the field's name, or a value; nothing else comes out."""
    for value in WRONG:
        with suppress(ValueError), told_by(name, cls):
            cls(**GIVEN[cls] | {name: value})


@contextmanager
def told_by(name: str, cls: type) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        text = str(error)
        assert "\n" not in text
        assert len(text) < 300
        assert name in text or (cls is Size and "size" in text)
        assert HALF not in text
        raise


@pytest.mark.parametrize(
    ("cls", "name"),
    [(cls, name) for cls, name in FIELDS if cls is not Size],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_no_number_is_nan_infinite_or_a_bool(cls, name):
    """NaN is refused by the parameter's name everywhere; true is no number."""
    kinds = members(field_kinds(cls)[name])
    for value in (nan, inf, -inf, Decimal("nan"), True):
        if value is True and bool in kinds:
            continue
        with pytest.raises(ValueError, match=name):
            cls(**GIVEN[cls] | {name: value})


POLICY_FIELDS = [
    *(("policy", Policy, name) for name in field_kinds(Policy)),
    *(("policy.retry", RetryPolicy, name) for name in field_kinds(RetryPolicy)),
    *(("policy.breaker", BreakerPolicy, name) for name in field_kinds(BreakerPolicy)),
    *(("providers.a", ProviderSettings, name) for name in field_kinds(ProviderSettings)),
]
DATES = (date(2026, 1, 1), datetime(2026, 1, 1), time(1))  # noqa: DTZ001 - as TOML gives them
BY_TOML = [
    *(value for value in WRONG if value is not None and not isinstance(value, Decimal | bytes | set | tuple)),
    *DATES,
]
PLUGIN_FIELDS = [
    (spec.name, spec.settings, name)
    for spec in PLUGINS.providers.values()
    for name in field_kinds(spec.settings)
    if name not in field_kinds(ProviderSettings)
]


def configured(path: str, name: str, value: Any, *, kind: str = "seedream") -> list[str]:
    """Give the mistakes of a configuration with this value at that place."""
    mapping: dict[str, Any] = {
        "chains": {"default": ["a"]},
        "providers": {"a": {"type": kind, "api_key": {"env": "KEY"}}},
    }
    table = mapping
    for step in path.split("."):
        table = table.setdefault(step, {})
    table[name] = value
    try:
        structure(mapping, PLUGINS, base=Path(), env={"KEY": "sk"}, clear_keys=False)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(("path", "cls", "name"), POLICY_FIELDS, ids=lambda part: part if isinstance(part, str) else "")
def test_a_file_says_the_same_sentence_with_its_path(path, cls, name):
    """What Python refuses a file refuses, in the same words; where a table holds several mistakes a file tells all."""
    if name in {"price", "latency", "retry", "breaker"}:
        pytest.skip("tables that are written otherwise than in code; see broken.txt")
    for value in BY_TOML:
        told = configured(path, name, value)
        try:
            cls(**{name: value})
        except ValueError as error:
            place, _, sentence = str(error).partition(" ")
            assert f"{path}.{place}: {sentence}" in told
        else:
            assert [problem for problem in told if "every provider of it is disabled" not in problem] == []


@pytest.mark.parametrize(("kind", "cls", "name"), PLUGIN_FIELDS, ids=lambda part: part if isinstance(part, str) else "")
def test_a_file_says_of_every_plugins_field_what_python_says(kind, cls, name):
    """But of a key: in Python it may be text, in a file it never stands in clear."""
    for value in BY_TOML:
        told = configured("providers.a", name, value, kind=kind)
        try:
            cls(**{name: value})
        except ValueError as error:
            place, _, sentence = str(error).partition(" ")
            whole = f"providers.a: {error}"  # where the class itself weighs what stands in the field
            assert f"providers.a.{place}: {sentence}" in told or whole in told
        else:
            mine = [problem for problem in told if f".{name}" in problem]
            assert all("never stands in clear" in problem for problem in mine) if name == "api_key" else mine == []


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: Policy(max_attempts=-1), "max_attempts must be a whole number of at least 1, not -1"),
        (lambda: Policy(connect_timeout=-5), "connect_timeout must be a number above 0, not -5"),
        (lambda: Policy(timeout=nan), "timeout must be a number above 0, not nan"),
        (lambda: Policy(on_moderated="Stop"), 'on_moderated must be "stop" or "next", not "Stop"; did you mean stop?'),
        (
            lambda: Policy(hedge_after="of"),
            'hedge_after must be a number above 0 or "off", not "of"; did you mean off?',
        ),
        (lambda: Policy(retry=RetryPolicy), "retry must be a RetryPolicy, not a type"),
        (lambda: RetryPolicy(rounds=[5, -1]), "rounds[1] must be a number of at least 0, not -1"),
        (lambda: BreakerPolicy(failure_rate=2), "failure_rate must be a number above 0 and at most 1, not 2"),
        (lambda: Price(amounts={"4K": nan}), 'amounts."4K" must be an amount such as "0.09" of at least 0, not nan'),
        (
            lambda: Latency(table={"4K": Quantiles(3, 2, 1)}),
            'table."4K" p50, p95 and p99 must be above 0 and rise, not 3, 2, 1',
        ),
        (lambda: Capabilities(resolutions="1K"), "resolutions must be a list, not text"),
        (lambda: HttpSettings(headers="Bearer sk-secret"), "headers must be a table, not text"),
    ],
)
def test_b14_the_python_api_takes_no_value_that_a_file_would_not(made, says):
    """`on_moderated="Stop"` acted as "next" and bought a declined prompt elsewhere."""
    with pytest.raises(Mistake) as caught:
        made()

    assert str(caught.value) == says


@pytest.mark.parametrize("amount", ["0.5", 0.5, Decimal("0.5")])
def test_b1_money_is_taken_as_text_int_float_or_decimal(amount):
    """A float by its text: 0.1 is a tenth."""
    assert Policy(max_cost=amount).max_cost == Decimal("0.5")
    assert Price(amounts={"4K": amount}).at("4K") == Decimal("0.5")
    assert Policy(max_cost=0.1).max_cost == Decimal("0.1")
    assert Policy(max_cost=2).max_cost == Decimal(2)


def test_b14_a_providers_time_out_may_be_a_number_a_preset_or_a_table():
    """It was kept as it was and raised AttributeError inside a request."""
    assert ProviderSettings(attempt_timeout=300).attempt_timeout["4K"] == 300
    assert ProviderSettings(attempt_timeout="home").attempt_timeout["1K"] == 600
    assert ProviderSettings(attempt_timeout={"4K": 5}).attempt_timeout == {"4K": 5}


@pytest.mark.parametrize("text", ["2048 x 2048", "2048x 2048", "2048 ×2048", "2048*2048 1:1", "2048 x 2048  1 : 1"])
def test_b17_blanks_in_an_exact_size_are_read(text):
    """The pattern admitted them, and the first blank cut the text in two."""
    assert Size.parse(text) == Size("2K", None, 2048, 2048)


@pytest.mark.parametrize("text", ["00x00", "10x00", "00x10 1:1", "99999x10", "4K 00:1", "4K 1:0", "2048 x", "x"])
def test_b17_a_size_without_pixels_is_refused(text):
    """`00x00` was a Size, and `10x00` beside a ratio a ZeroDivisionError."""
    with pytest.raises(SizeError):
        Size.parse(text, "1:1" if text == "10x00" else None)


def test_a_secret_is_taken_as_text_and_never_shown():
    """Not in the value, and not in the sentence about what may not stand there."""
    assert HttpSettings(api_key="sk-secret").api_key == Secret("sk-secret")
    with pytest.raises(Mistake) as caught:
        HttpSettings(api_key=["sk-secret"])

    assert "sk-secret" not in str(caught.value)
    assert "api_key" in str(caught.value)


class Shape(StrEnum):
    """As callers have it whose own code knows the choices."""

    PNG = "png"


class Speaks(Protocol):
    """A type that no value can be held against."""


@attrs.frozen(kw_only=True)
class Odd(ProviderSettings):
    """Settings of a plugin that says more, and less, than ours."""

    room: int = 1
    late: int = None
    described: Annotated[str, "of the room", ["no hash"]] = ""
    bounded: Annotated[int, Range(1), Range(0, 5)] = 1
    speaks: Speaks | None = None
    call: Callable[[], int] | None = None
    where: Path = Path("x")


def test_a_plugins_own_settings_are_checked_by_their_types():
    """A settings class that extends ours needs no validator of its own."""
    assert Odd(described="x", speaks=object(), call=len, where="y").late is None
    for wrong in ({"room": "x"}, {"room": True}, {"bounded": 6}, {"bounded": 0}, {"where": 5}, {"late": nan}):
        with pytest.raises(Mistake, match=f"^{next(iter(wrong))} must be "):
            Odd(**wrong)


def test_a_word_of_an_enumeration_is_that_word():
    """What callers keep as a StrEnum is text; another kind of value that happens to be equal is none."""
    assert ImageRequest("a", output_format=Shape.PNG).output_format == "png"
    assert not fits(Literal[1])(*[True])
