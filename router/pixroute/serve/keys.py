"""API keys: 256 random bits, found by a prefix, kept as SHA-256 in a file that is read again when it changes."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import attrs
from attrs import define, evolve, field, frozen

from pixroute.config.serve import forbidden
from pixroute.system import lock
from pixroute.values import Count, Form, Mistake, check

Role = Literal["caller", "operator", "metrics"]
LOOKED_AT = 1.0
"""Seconds between two looks at the file: a key that is revoked is dead within two."""
_FORM = re.compile(r"pxr_([a-z0-9]{8})_([A-Za-z0-9_-]{43})")
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def _act(value: Any) -> Any:
    """Take an act as JSON has it: a list of when and by whom."""
    return tuple(value) if isinstance(value, list) else value


@frozen(kw_only=True)
class ApiKey:
    """A key as it is kept.

    Args:
        prefix: by which it is found and named.
        sha256: of the whole key, in hex.
        name: whose it is.
        role: "caller" makes pictures, "metrics" reads figures alone, "operator" does both.
        chains: that it may ask; empty: all.
        budgets: names of `[budgets]` that pay for it; they pay for keys that name them alone.
        per_minute: requests; None: no limit.
        at_once: pictures that are made at once; None: no limit.
        extra: names of unknown fields that go on for it, beside those of `[serve] extra`.
        added, revoked: seconds since 1970 and by whom; a revoked key stays in the file and opens nothing.
    """

    prefix: Annotated[str, Form(r"[a-z0-9]{8}", "a prefix of 8 characters")]
    sha256: Annotated[str, Form(r"[0-9a-f]{64}", "a SHA-256 in hex")] = field(repr=False)
    name: str
    role: Role = "caller"
    chains: tuple[str, ...] = field(default=(), converter=tuple)
    budgets: tuple[str, ...] = field(default=(), converter=tuple)
    per_minute: Count | None = None
    at_once: Count | None = None
    extra: tuple[str, ...] = field(default=(), converter=tuple)
    added: tuple[float, str] = field(default=(0.0, ""), converter=_act)
    revoked: tuple[float, str] | None = field(default=None, converter=_act)

    def __attrs_post_init__(self) -> None:
        check(self)
        for name in self.extra:
            if forbidden(name):
                raise Mistake(f"names {name!r}, which is about number, size, model, money, URLs or safety", "extra")


KEYLESS = ApiKey(prefix="keyless0", sha256="0" * 64, name="keyless", role="operator")
"""Whoever asks a server without keys."""


def mint(name: str, *, by: str, now: float, **fields: Any) -> tuple[str, ApiKey]:
    """Make a key; its text is shown once and kept nowhere.

    Raises:
        ValueError: a field cannot be.
    """
    prefix = "".join(secrets.choice(_LETTERS) for _ in range(8))
    text = f"pxr_{prefix}_{secrets.token_urlsafe(32)}"
    return text, ApiKey(prefix=prefix, sha256=_hashed(text), name=name, added=(now, by), **fields)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read_keys(path: Path) -> dict[str, ApiKey]:
    """Read the keys of a file by their prefixes; a file that is not there has none.

    Raises:
        ValueError: it is not what `pixroute keys` writes.
        OSError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        rows = json.loads(text)["keys"]
        keys = [ApiKey(**row) for row in rows]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a file of keys: {error}") from error
    return {key.prefix: key for key in keys}


@contextlib.contextmanager
def changing(path: Path) -> Iterator[dict[str, ApiKey]]:
    """Change the keys of a file: what is left in the mapping is written, whole or not at all, for its owner alone.

    Raises:
        ValueError, OSError: as `read_keys`; it cannot be written.
    """
    with path.with_name(f"{path.name}.lock").open("w") as guard:
        lock(guard)
        keys = read_keys(path)
        yield keys
        rows = [attrs.asdict(key) for key in keys.values()]
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump({"keys": rows}, file, indent=1)
        beside.replace(path)


def revoke(keys: dict[str, ApiKey], prefix: str, *, by: str, now: float) -> ApiKey:
    """Revoke a key.

    Raises:
        ValueError: there is none of this prefix, or it is revoked.
    """
    key = keys.get(prefix)
    if key is None or key.revoked:
        raise ValueError(f"there is no key {prefix!r} that opens anything; `pixroute keys list` shows them")
    keys[prefix] = evolve(key, revoked=(now, by))
    return keys[prefix]


def opened(keys: Mapping[str, ApiKey], text: str) -> ApiKey | None:
    """Give the key that a text is, if it opens anything."""
    match = _FORM.fullmatch(text)
    key = keys.get(match[1]) if match else None
    if key is None or not hmac.compare_digest(key.sha256, _hashed(text)) or key.revoked:
        return None
    return key


class KeyRing(Protocol):
    """The keys as they are now."""

    def find(self, text: str, /) -> ApiKey | None:
        """Give the key that this text is, if it opens anything."""
        ...


@define(eq=False)
class FileKeyRing:
    """The keys of a file, as they are now.

    Args:
        path: of the file.
        clock: seconds that only grow.

    Raises:
        ValueError, OSError: the file cannot be read when the ring is made; later the last keys that could be stay.
    """

    path: Path
    clock: Callable[[], float] = time.monotonic
    wrong: str | None = None
    _keys: Mapping[str, ApiKey] = field(init=False)
    _version: tuple[int, int, int] | None = field(init=False)
    _looked: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._version, self._looked = self._state(), self.clock()
        self._keys = read_keys(self.path)

    def find(self, text: str) -> ApiKey | None:
        """Give the key that this text is, if it opens anything."""
        self._look()
        return opened(self._keys, text)

    def _look(self) -> None:
        now = self.clock()
        if now - self._looked < LOOKED_AT:
            return
        self._looked = now
        if (version := self._state()) == self._version:
            return
        try:
            self._keys, self._version, self.wrong = read_keys(self.path), version, None
        except (ValueError, OSError) as error:
            self.wrong = str(error)

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size
