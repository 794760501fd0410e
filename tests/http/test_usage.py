"""What an answer says of tokens and money; references that come back."""

import base64
from decimal import Decimal

import pytest

from pixroute.content import Content
from pixroute.http.body.blob import Blob
from pixroute.http.body.echoes import is_echo, without_echoes
from pixroute.http.call import Reply
from pixroute.http.usage import one_shape, stated_price
from pixroute.request import Reference

SENT = b"\x89PNG\r\n\x1a\n" + bytes(5000)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}, (1, 2, 3)),
        ({"prompt_tokens": 4, "completion_tokens": 5}, (4, 5, 9)),
        (
            {"promptTokenCount": 6, "candidatesTokenCount": 7, "thoughtsTokenCount": 1, "totalTokenCount": 14},
            (6, 8, 14),
        ),
        ({"prompt_token_count": 6, "candidates_token_count": 7}, (6, 7, 13)),
        ({"input_tokens": "many", "output_tokens": True}, (None,)),
        ({"generated_images": 1}, (None,)),
    ],
)
def test_tokens_have_one_shape_beside_what_was_said(usage, counted):
    """Three names for every dialect; nothing that was told is lost, nothing is guessed."""
    told = one_shape(usage)

    if None not in counted:
        assert (told["input_tokens"], told["output_tokens"], told["total_tokens"]) == counted
    else:
        assert told == usage
    assert usage.keys() <= told.keys()
    assert one_shape(None) is None


@pytest.mark.parametrize(
    ("document", "price"),
    [
        ({"usage": {"cost": 0.039}}, "0.039"),
        ({"usage": {"total_tokens": 1}, "credits_used": "4"}, "4"),
        ({"cost": 1e-7}, "1E-7"),
        ({"cost": -1}, None),
        ({"cost": True}, None),
        ({"cost": "free"}, None),
        ({"cost": float("nan")}, None),
        ({"usage": []}, None),
        ([], None),
        (None, None),
    ],
)
def test_a_stated_price_is_an_amount_or_nothing(document, price):
    """A number that cannot be money is none; its unit is for the dialect to say."""
    assert stated_price(document) == (None if price is None else Decimal(price))


def blob(data):
    return Blob(prefix="", suffix="", size=len(data), sink=Content(data))


def test_a_reference_that_comes_back_is_no_picture():
    """By its digest, as a blob or as text too short to be decoded on its way; what is beside it stays."""
    reference = Reference(data=SENT, media_type="image/png")
    other = blob(SENT + b"x")
    text = base64.b64encode(SENT).decode()
    reply = Reply(status=200, headers={}, json={"data": [blob(SENT), {"b64": text}, other, "word"]}, picture=blob(SENT))

    kept = without_echoes(reply, [reference])

    assert kept.json == {"data": [None, {"b64": None}, other, "word"]}
    assert kept.picture is None
    assert without_echoes(reply, []) is reply
    assert not is_echo(Content(b""), [reference])
