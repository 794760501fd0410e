"""A value of a class, read as strictly as a configuration is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pixroute.errors import ConfigError

T = TypeVar("T")


def structure(table: Mapping[str, Any], kind: type[T], *, path: Path, under: str = "") -> T:
    """Read a table that stands `under` a key of a file.

    Raises:
        ConfigError: with all its mistakes.
    """
    from pixroute.config.strict import problems_of, strict_converter  # noqa: PLC0415 - cattrs, reached when needed

    converter = strict_converter(base=path.parent, env={})
    try:
        return converter.structure(table, kind)
    except (ValueError, ExceptionGroup) as error:
        raise ConfigError(list(problems_of(error, under)), source=str(path)) from None
