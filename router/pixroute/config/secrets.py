"""Where keys come from: the environment, or a file that may be rotated while the service runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from pixroute.sanitizer import tried
from pixroute.secret import NoSecret, Secret, fault
from pixroute.values import NEVER_IN_CLEAR

VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


@frozen
class FromEnvironment:
    """Reads a variable at each use."""

    name: str
    env: Mapping[str, str] = field(repr=False)

    def __call__(self) -> str:
        """Give the key; raises NoSecret where there is none."""
        if key := self.env.get(self.name, "").strip():
            return key
        state = "is empty" if self.name in self.env else "is not set"
        raise NoSecret(f"the environment variable {self.name} {state}")


@define
class FromFile:
    """Reads a file, again when it has changed; gives the last key while a rotation leaves it missing or empty."""

    path: Path = field(repr=False)
    _version: tuple[int, int, int] | None = field(default=None, init=False, repr=False)
    _key: str = field(default="", init=False, repr=False)

    def __call__(self) -> str:
        """Give the key; raises NoSecret where there never was one."""
        try:
            self._refresh()
        except (OSError, ValueError) as error:
            if not self._key:
                why = error.strerror if isinstance(error, OSError) else "it is not text"
                raise NoSecret(f"the file cannot be read: {why}") from None
        if not self._key:
            raise NoSecret("the file is empty")
        return self._key

    def _refresh(self) -> None:
        state = self.path.stat()
        version = (state.st_mtime_ns, state.st_ino, state.st_size)
        if version != self._version:
            self._key = self.path.read_text(encoding="utf-8-sig").strip() or self._key
            self._version = version


class StandIn(Secret):
    """Stands for a key that is not there, where nobody uses it; accounts are told apart by where theirs would be."""

    __slots__ = ()


def stand_ins(settings: object, said: Mapping[str, Any]) -> dict[str, StandIn]:
    """Give a stand-in, by field, for each secret of settings that cannot be had; `said` is how it is pointed to."""
    secrets = {name: getattr(settings, name, None) for name in said}
    return {
        name: StandIn(f"the key of {said[name]!r}")
        for name, secret in secrets.items()
        if isinstance(secret, Secret) and not tried(secret.reveal)
    }


@frozen(kw_only=True)
class SecretReader:
    """Reads what stands for a secret.

    Args:
        base: the folder where relative paths begin.
        env: where variables are looked up.
        clear_keys: a key may stand as it is.
    """

    base: Path
    env: Mapping[str, str] = field(repr=False)
    clear_keys: bool

    def read(self, value: object) -> Secret:
        """Give the secret; code may give a `Secret` or a callable instead of a table.

        Raises:
            ValueError: anything else, or a key with a line end or a NUL in it. The text never shows the value.
        """
        if isinstance(value, Secret):
            return value
        if isinstance(value, Mapping):
            source = self._source(value)
            return _checked(Secret(source), tried(source))
        if self.clear_keys and isinstance(value, str) and value:
            return _checked(Secret(value), value)
        if callable(value):
            return Secret(value)
        raise ValueError(NEVER_IN_CLEAR)

    def _source(self, table: Mapping[str, object]) -> Callable[[], str]:
        match dict(table):
            case {"file": str(path), **rest} if path and "\0" not in path and not rest:
                return FromFile(self.base / path)
            case {"env": str(name), **rest} if not rest:
                if not VARIABLE.fullmatch(name):
                    raise ValueError('after env stands the name of a variable, such as { env = "APIYI_API_KEY" }')
                return FromEnvironment(name, self.env)
        raise ValueError(NEVER_IN_CLEAR)


def _checked(secret: Secret, key: str) -> Secret:
    if key and (wrong := fault(key)) is not None:
        raise ValueError(f"the key cannot be sent: {wrong}")
    return secret
