"""What an HTTP provider writes: `encode`."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, ClassVar

import pytest
from attrs import evolve

from pixroute.http.call import Call
from pixroute.http.provider import HttpProvider
from pixroute.http.wire.outgoing import Outgoing, outgoing
from pixroute.provider import Provider
from pixroute.request import ImageRequest, Size
from pixroute.testing.conformance.stand import at, only_http
from pixroute.testing.conformance.upstream import KEY
from pixroute.testing.conformance.words import (
    MASK,
    PROMPT,
    REFERENCE,
    admitted,
    check,
    fail,
    fields_of,
    smallest,
    texts_in,
    told,
)

SHAPE_TOLERANCE = 0.05
"""How far the shape sent may be from the one asked: models have sides of their own."""


class WritingChecks:
    """Checks of `encode`, on requests of every kind that the capabilities admit."""

    supports_references: ClassVar[bool]
    supports_sizes: ClassVar[bool]

    def size_sent(self, call: Call) -> Size | None:
        """Find the size in a call."""
        raise NotImplementedError

    @pytest.fixture
    def http_provider(self, provider: Provider) -> HttpProvider[Any]:
        """Give the provider with the kit's key, at an address that nobody has."""
        return at(only_http(provider), "https://upstream.test")

    @pytest.fixture
    def asked(self, http_provider: HttpProvider[Any]) -> list[ImageRequest]:
        """Give requests of every kind."""
        return list(admitted(http_provider.capabilities(), references=self.supports_references))

    def test_every_admitted_request_can_be_written(
        self, http_provider: HttpProvider[Any], asked: list[ImageRequest]
    ) -> None:
        """What the capabilities admit, `encode` writes as one JSON document or one form."""
        for one in asked:
            call = _encoded(http_provider, one)
            check(isinstance(call, Call), f"encode gave {call!r} for {told(one)}.", "Only a `Call` can be sent.")
            check(
                call.method == "GET" or (call.json is None) != (call.form is None),
                f"The call for {told(one)} has both or neither of `json` and `form`.",
                "Exactly one of them is the body.",
            )
            _sent(http_provider, call, one)

    def test_encode_is_pure(self, http_provider: HttpProvider[Any], asked: list[ImageRequest]) -> None:
        """The same request gives the same call, and neither request nor settings change."""
        for one in asked:
            before, settings = evolve(one), repr(http_provider.settings)
            call, again = _encoded(http_provider, one), _encoded(http_provider, one)
            check(
                call == again,
                f"Two calls for {told(one)} differ: {_brief(call)} and {_brief(again)}.",
                "A retry must ask for the same thing, and a test or a log of one call must hold for the next.",
            )
            check(
                one == before and settings == repr(http_provider.settings),
                f"encode changed its request or its settings ({told(one)}).",
                "Other requests use them at the same time.",
            )

    def test_calls_stay_at_home_and_hide_the_key(
        self, http_provider: HttpProvider[Any], asked: list[ImageRequest]
    ) -> None:
        """The URL is of the provider's own origin, and the key stands in its header only."""
        for one in asked:
            call = _encoded(http_provider, one)
            sent = _sent(http_provider, call, one)
            check(
                KEY.reveal() not in sent.url + repr(call.headers) + repr(fields_of(call)),
                f"The key stands in the URL, the body or a header of the call for {told(one)}.",
                "URLs and bodies are logged by every proxy; say where the key goes by `auth`.",
            )

    def test_the_prompt_arrives_whole(self, http_provider: HttpProvider[Any], asked: list[ImageRequest]) -> None:
        """Quotes, braces, line ends and other scripts included."""
        prompt = PROMPT[: http_provider.capabilities().max_prompt]
        for one in asked:
            texts = texts_in(fields_of(_encoded(http_provider, one)))
            check(
                any(prompt in text for text in texts if isinstance(text, str)),
                f"The prompt is nowhere in the call for {told(one)} as it was given.",
                "The picture would be of something else, and is paid for.",
            )

    def test_references_arrive(self, http_provider: HttpProvider[Any], asked: list[ImageRequest]) -> None:
        """Every reference picture is in the call, as bytes or as base64."""
        if not any(one.references for one in asked):
            pytest.skip("this provider takes no reference pictures")
        data = REFERENCE.data or b""
        for one in asked:
            found = _times_in(_encoded(http_provider, one), data)
            check(
                found == len(one.references),
                f"{found} of {len(one.references)} reference pictures are in the call for {told(one)}.",
                "The capabilities promise them; the picture would not follow them, and is paid for.",
            )

    def test_a_mask_arrives(self, http_provider: HttpProvider[Any]) -> None:
        """In every format that the capabilities name: once, beside the reference that it is for."""
        can = http_provider.capabilities()
        if not can.mask_formats:
            pytest.skip("this provider takes no masks")
        check(
            can.references > 0,
            "The capabilities name formats of masks, and no reference pictures.",
            "A mask says where a reference is changed: such a provider is never asked for one.",
        )
        for name in sorted(can.mask_formats):
            mask = evolve(MASK, media_type=f"image/{name}")
            one = evolve(smallest(can), references=[REFERENCE], mask=mask)
            call = _encoded(http_provider, one)
            found = _times_in(call, MASK.data or b""), _times_in(call, REFERENCE.data or b"")
            check(
                found == (1, 1),
                f"The mask is {found[0]} times in the call, and its reference {found[1]} times ({name}).",
                "Without it the whole picture is changed, and is paid for.",
            )
            _sent(http_provider, call, one)

    def test_sizes_are_said_and_never_made_smaller(
        self, http_provider: HttpProvider[Any], asked: list[ImageRequest]
    ) -> None:
        """The call says the size that was asked, or a larger one, in its shape."""
        if not self.supports_sizes:
            pytest.skip("supports_sizes is false")
        can = http_provider.capabilities()
        for one in asked:
            if (wanted := one.size) is None:
                continue
            said = self.size_sent(_encoded(http_provider, one))
            if said is None and len(can.resolutions) == 1:
                continue
            check(
                said,
                f"The call for {told(one)} says no size (or says it in words of its own: then override `size_sent`).",
                "The upstream would make its default; a picture too small is refused after it was paid for, and "
                "closes this provider for that resolution for an hour.",
            )
            _compare(said or wanted, wanted, can.size_tolerance, one)


def _compare(said: Size, wanted: Size, tolerance: float, one: ImageRequest) -> None:
    check(
        (said.pixels or 0) >= (wanted.pixels or 0) * (1 - tolerance),
        f"The call for {told(one)} says {said}, which is smaller.",
        "Nothing is ever made smaller: the picture would be refused after it was paid for.",
    )
    check(
        not (said.ratio and wanted.ratio) or abs(said.ratio / wanted.ratio - 1) <= SHAPE_TOLERANCE,
        f"The call for {told(one)} says {said}, which is another shape.",
        "List the shapes that the model makes as `aspect_ratios`, so that others are not asked of it.",
    )


def _encoded(provider: HttpProvider[Any], one: ImageRequest) -> Call:
    __tracebackhide__ = True
    try:
        return provider.encode(one)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        fail(
            f"encode raised {type(error).__name__}: {error} for {told(one)}.",
            "The capabilities admit this request, so the router asks this provider for it every time, in vain; narrow "
            "the capabilities.",
        )


def _sent(provider: HttpProvider[Any], call: Call, one: ImageRequest) -> Outgoing:
    __tracebackhide__ = True
    try:
        json.dumps(call.json, allow_nan=False)
        return outgoing(call, provider.endpoint, "request-1")
    except (TypeError, ValueError) as error:
        fail(
            f"The call for {told(one)} cannot be sent: {error}.",
            "Nothing goes out, and the next provider is asked instead.",
        )


def _times_in(call: Call, data: bytes) -> int:
    texts = [part.value for part in call.form] if call.form is not None else list(texts_in(call.json))
    return sum(_holds(text, data) for text in texts)


def _holds(value: Any, data: bytes) -> bool:
    return value == data or (isinstance(value, str) and b64encode(data).decode() in value)


def _brief(call: Call) -> str:
    return f"{call.method} {call.path} {str(fields_of(call))[:300]}"
