"""Which fault strikes which call."""

import pytest

from pixroute.testing.emulator.call import ReceivedCall
from pixroute.testing.emulator.faults import Fault, FaultBook

CUT, SLOW = Fault("cut"), Fault("slow")


def call(listener: str = "http", route: str = "images", model: str = "nano-banana-pro") -> ReceivedCall:
    return ReceivedCall(listener=listener, route=route, method="POST", path="/", json={"model": model})


@pytest.mark.parametrize(
    ("selector", "fits", "fits_not"),
    [
        ("http", call(), call("https")),
        ("images", call(), call(route="edits")),
        ("nano-banana-pro", call(), call(model="nano-banana")),
        ("seedream-4-5-251128", call(model="seedream-4-5-251128"), call(model="seedream-4-0-250828")),
        ("http/images", call(), call("https")),
        ("banana-http", call(route="native", model="gemini-3-pro-image"), call(model="seedream-4-5-251128")),
        ("banana-https", call("https"), call("http")),
        ("seedream", call("https", "ark", "doubao-seedream-4-5-251128"), call()),
    ],
)
def test_selectors(selector, fits, fits_not):
    """All words of a selector must fit the call's listener, route, model or family."""
    book = FaultBook()
    book.set(selector, CUT)

    assert book.take(fits) == CUT
    assert book.take(fits_not) is None


def test_scripts_come_first_and_run_out():
    """A script is taken in order, None is a healthy call, then the standing fault holds until it is ended."""
    book = FaultBook()
    book.set("images", SLOW)
    book.script("images", [CUT, None])
    book.script("images", [CUT])

    assert [book.take(call()) for _ in range(4)] == [CUT, None, CUT, SLOW]
    book.set("images", None)
    assert book.take(call()) is None


def test_more_words_win_then_the_newest():
    """Among several that fit, that of most words counts, then the newest."""
    book = FaultBook()
    book.set("http/images", CUT)
    book.set("http", SLOW)
    book.set("images", Fault("silent"))

    assert book.take(call()) == CUT
    assert book.take(call(route="edits")) == SLOW
    assert book.take(call("https")) == Fault("silent")


def test_unknown_selector():
    """A misspelt selector is refused with the nearest."""
    with pytest.raises(ValueError, match="did you mean 'images'"):
        FaultBook().set("imagse", CUT)
