"""Keys that end: fetched once for all, before they end, and never on the loop."""

import asyncio
import threading

import pytest

from pixroute.http.tokens import MARGIN, YOUNG, Token, Tokens
from pixroute.secret import NoSecret


class Clock:
    """A clock that is set."""

    now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class Source:
    """Gives numbered tokens; `held_up` keeps them back."""

    def __init__(self, lifetime: float | None = 3600.0) -> None:
        self.lifetime, self.error, self.count = lifetime, None, 0
        self.threads: set[str] = set()
        self.held_up = threading.Event()
        self.held_up.set()

    def __call__(self) -> Token:
        """Give the next."""
        self.threads.add(threading.current_thread().name)
        self.count += 1
        mine = self.count
        self.held_up.wait(5)
        if self.error:
            raise self.error
        return Token(f"token-{mine}", self.lifetime)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def tokens(source, clock):
    return Tokens(source, account="painter@one", clock=clock)


async def test_it_is_fetched_once_for_all_who_wait_and_in_a_thread(tokens, source):
    """A thousand requests at once are one asking."""
    await asyncio.gather(*(tokens.ready() for _ in range(1000)))

    assert (tokens.held(), source.count) == ("token-1", 1)
    assert threading.current_thread().name not in source.threads


async def test_it_is_renewed_before_it_ends_while_the_old_one_serves(tokens, source, clock):
    """Nobody waits for the second."""
    await tokens.ready()
    clock.now += 3600 - MARGIN + 1
    source.held_up.clear()

    await tokens.ready()

    assert tokens.held() == "token-1"
    source.held_up.set()
    await tokens._work
    assert tokens.held() == "token-2"


async def test_one_that_ended_is_waited_for(tokens, clock):
    """It is never sent."""
    await tokens.ready()
    clock.now += 3600

    with pytest.raises(NoSecret):
        tokens.held()
    await tokens.ready()

    assert tokens.held() == "token-2"


async def test_a_short_life_is_renewed_at_its_half(source, clock):
    """A minute's token is not fetched at every request."""
    source.lifetime = 60.0
    tokens = Tokens(source, clock=clock)
    await tokens.ready()
    clock.now += 29
    await tokens.ready()

    assert source.count == 1


async def test_a_life_without_end(source, clock):
    """It is fetched once."""
    source.lifetime = None
    tokens = Tokens(source, clock=clock)
    await tokens.ready()
    clock.now += 10**6
    await tokens.ready()

    assert source.count == 1


async def test_a_failed_renewal_harms_nobody_while_the_old_one_lives(tokens, source, clock):
    """And is told to nobody's log as an exception that was never looked at."""
    await tokens.ready()
    clock.now += 3600 - 10
    source.error = OSError("unreachable")
    await tokens.ready()
    with pytest.raises(NoSecret):
        await tokens._work

    assert tokens.held() == "token-1"


async def test_what_a_source_raises_is_told_as_a_key_that_cannot_be_had(tokens, source):
    """With its type and its words."""
    source.error = OSError("metadata server unreachable")

    with pytest.raises(NoSecret, match="no token can be had: OSError: metadata server unreachable"):
        await tokens.ready()


async def test_who_leaves_does_not_take_the_token_with_him(tokens, source):
    """A cancelled request leaves the asking to the others."""
    source.held_up.clear()
    first, second = asyncio.create_task(tokens.ready()), asyncio.create_task(tokens.ready())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    source.held_up.set()
    await second

    assert (tokens.held(), source.count) == ("token-1", 1)


async def test_an_old_token_that_is_refused_is_the_tokens_fault(tokens, clock):
    """As soon as there is another, the account's digest changes, which ends its hold."""
    await tokens.ready()
    before = tokens.account
    clock.now += YOUNG + 1
    tokens.refused()

    assert tokens.account == before
    await tokens.ready()
    assert tokens.account != before
    assert tokens.held() == "token-2"


async def test_a_young_token_that_is_refused_is_the_accounts_fault(tokens):
    """The hold stays, or a wrong account would be asked for ever."""
    await tokens.ready()
    before = tokens.account
    tokens.refused()
    await tokens.ready()

    assert tokens.account == before


def test_accounts_are_told_apart_and_not_shown(source):
    """By a digest."""
    assert Tokens(source, account="a").account != Tokens(source, account="b").account
    assert "painter" not in Tokens(source, account="painter").account
    assert "secret" not in repr(Token("secret", 5))
