"""Every answer of the public reports is played by name, and read for what it says."""

import pytest

from pixroute import FailureKind, Policy, Router
from pixroute.errors import RequestFailed
from pixroute.secret import Secret
from pixroute.testing.emulator import FAULTS, Emulator
from pixroute.testing.emulator.faults.cases import CASES
from pixroute_openai.provider import OpenAIImages, OpenAIImagesSettings


def router_of(emulator):
    """Give a router whose only provider is asked at the emulator."""
    settings = OpenAIImagesSettings(base_url=f"{emulator.http_url}/v1", api_key=Secret("sk-x"), plaintext="accept")
    providers = {"first": OpenAIImages("first", settings)}
    return Router(providers=providers, chains={"default": ["first"]}, policy=Policy(max_attempts=1))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("wrong-param", FailureKind.INVALID),
        ("wrong-param-words", FailureKind.INVALID),
        ("unknown-moderation", FailureKind.INVALID),
        ("moderation-down", FailureKind.OVERLOADED),
        ("refused-words", FailureKind.MODERATED),
        ("refused-azure", FailureKind.MODERATED),
        ("refused-zh", FailureKind.MODERATED),
        ("refused-in-500", FailureKind.MODERATED),
        ("model-replied", FailureKind.MODERATED),
        ("challenge", FailureKind.FORBIDDEN),
        ("cloudflare-1020", FailureKind.FORBIDDEN),
        ("nginx-403", FailureKind.FORBIDDEN),
        ("nginx-404", FailureKind.MODEL_GONE),
        ("nginx-405", FailureKind.MODEL_GONE),
        ("nginx-413", FailureKind.INVALID),
        ("proxy-407", FailureKind.FORBIDDEN),
        ("zscaler-403", FailureKind.FORBIDDEN),
        ("legal-451", FailureKind.FORBIDDEN),
        ("empty-403", FailureKind.FORBIDDEN),
        ("empty-404", FailureKind.MODEL_GONE),
        ("invalid-url", FailureKind.MODEL_GONE),
        ("not-found", FailureKind.MODEL_GONE),
        ("web-interface", FailureKind.PROTOCOL),
        ("envelope-msg", FailureKind.QUOTA),
        ("envelope-success", FailureKind.QUOTA),
        ("envelope-detail", FailureKind.RATE_LIMITED),
        ("envelope-errors", FailureKind.OVERLOADED),
        ("envelope-number", FailureKind.RATE_LIMITED),
        ("envelope-true", FailureKind.MODERATED),
        ("task-id", FailureKind.PROTOCOL),
        ("throttled", FailureKind.RATE_LIMITED),
    ],
)
async def test_a_case_is_played_and_read(name, kind):
    """The emulator says it, the judging reads it."""
    async with Emulator(time_scale=0, faults={"*": name}) as emulator, router_of(emulator) as router:
        with pytest.raises(RequestFailed) as told:
            await router.generate("A lighthouse at dusk", size="1024x1024", timeout=600)

    assert told.value.record.attempts[0].failure.kind is kind


async def test_white_space_before_the_picture():
    """Filler is no answer and no end."""
    async with Emulator(time_scale=0, faults={"*": "white-space"}) as emulator, router_of(emulator) as router:
        assert (await router.generate("A lighthouse at dusk", size="1024x1024", timeout=600)).image


def test_every_case_is_a_fault():
    """What is reported can be asked for by `--fault`."""
    assert CASES.keys() <= FAULTS.keys()
