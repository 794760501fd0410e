"""A secret that prints as `***` everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator


class NoSecret(LookupError):
    """A source that has no secret to give; the text says why and may be shown."""


class Secret:
    """A key, or a way to get one; shown as `***` by str, repr and format.

    The source is asked at each use, so that a changed file or a rotating callable takes effect at once.
    """

    __slots__ = ("_source",)

    def __init__(self, source: str | Callable[[], str]) -> None:
        self._source = source

    def reveal(self) -> str:
        """Give the secret itself; call it only where the wire needs it."""
        return self._source if isinstance(self._source, str) else self._source()

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same at each use."""
        return isinstance(self._source, str)

    def ask(self, wrong: Callable[[object], str | None] | None = None) -> str:
        """Give the secret if it is one that can be sent.

        Args:
            wrong: tells what is wrong with it; None: `unsendable`.

        Raises:
            NoSecret: it cannot be had, or cannot be sent.
        """
        try:
            secret = self.reveal()
        except NoSecret:
            raise
        except Exception as error:  # noqa: BLE001 - a source is anybody's code; its text may hold the secret itself
            raise NoSecret(f"its source raised {type(error).__name__}") from None
        if (why := (wrong or unsendable)(secret)) is not None:
            raise NoSecret(why)
        return secret

    @property
    def fingerprint(self) -> str:
        """A short digest by which credentials are told apart without being shown."""
        return hashlib.blake2b(self.reveal().encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret) or self._source is other._source:
            return isinstance(other, Secret)
        try:
            return self.reveal() == other.reveal()
        except Exception:  # noqa: BLE001 - a source is anybody's code; what it cannot give is like nothing else
            return False

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled: it would be written in clear")


def fault(key: object) -> str | None:
    """Tell why a key cannot be sent at all: `it holds a line end (2 lines)`; None if it can."""
    if not isinstance(key, str):
        return f"its source gave {type(key).__name__} and no text"
    lines = len(key.splitlines())
    if lines > 1 or key != key.rstrip("\r\n"):
        return f"it holds a line end ({lines} lines)" if lines > 1 else "it ends with a line end"
    if "\0" in key:
        return "it holds a NUL"
    return None if key.strip() else "it is empty"


def unsendable(key: object) -> str | None:
    """Tell why no header can carry a key: its fault, or a character that no key has."""
    if isinstance(key, str) and key.isascii() and key.isprintable() and key.strip():
        return None  # asked at each attempt
    if (found := fault(key)) is not None or not isinstance(key, str):
        return found
    strange = next((one for one in key if not " " <= one <= "~"), None)
    return None if strange is None else f"it holds U+{ord(strange):04X}, which is no character of a key"


def doubts(key: str) -> Iterator[str]:
    """Tell what is likely to be regretted of a key, without showing it."""
    if (strange := unsendable(key)) is not None:
        yield f"cannot be sent: {strange}"
    if len(key) > 1 and key[0] in _QUOTES and key[-1] in _QUOTES:
        yield "stands in quotes, which are sent with it"
    if word := next((one for one in _SCHEMES if key.strip(_QUOTES).lower().startswith(f"{one.lower()} ")), None):
        yield f"begins with `{word}`, which is added where it is needed"
    if len(key) < SHORT:
        yield f"has fewer than {SHORT} characters, so it is taken out of the words of others only where it stands alone"


_SCHEMES = ("Bearer", "Key", "Token")
SHORT = 8
"""Characters below which a secret is looked for whole and exact only: `k` stands in every other word."""
_QUOTES = "\"'`“”‘’"
