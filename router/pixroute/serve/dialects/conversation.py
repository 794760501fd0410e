"""A conversation as a wish: the last words of the user are the prompt, the last pictures shown the references."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import field, frozen

from pixroute.request import Reference
from pixroute.serve.problem import bad


@frozen(kw_only=True)
class Turn:
    """What one side said and showed."""

    is_user: bool
    words: tuple[str, ...] = ()
    pictures: tuple[Reference | str, ...] = field(default=(), repr=False)


def prompt_of(turns: Sequence[Turn], param: str) -> str:
    """Give the words of the user's last turn.

    Raises:
        Refused: there are none.
    """
    asked = next((turn for turn in reversed(turns) if turn.is_user and turn.words), None)
    if asked is None:
        raise bad("nothing is asked: there is no text of a user", param)
    return "\n".join(asked.words)


def shown_in(turns: Iterable[Turn]) -> list[Reference | str]:
    """Give the pictures of the last turn that has any: what was made before is what is to be changed now."""
    found: tuple[Reference | str, ...] = ()
    for turn in turns:
        found = turn.pictures or found
    return list(found)
