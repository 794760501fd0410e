"""From a file, a mapping or nothing at all to a `Config`."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from pixroute.config.model import Config
from pixroute.errors import ConfigError, Problem
from pixroute.plugins import PluginSource
from pixroute.words import shown

CONFIG_VARIABLE = "PIXROUTE_CONFIG"
KEY_VARIABLE = "APIYI_API_KEY"
FILE_NAME = "pixroute.toml"
LARGEST_FILE = 1_000_000
_MOST_PARTS = 32
# A key's part and its dot, taken whole: the reader's work grows with the square of how many follow each other.
_PART = r"""(?>[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*\.[ \t]*"""
_LONG_NAME = re.compile(rf"(?<![A-Za-z0-9_-])(?>{_PART}){{{_MOST_PARTS}}}")


def find_config(explicit: str | Path | None, env: Mapping[str, str], cwd: Path) -> tuple[Path | None, str]:
    """Find the file to use and say why: the explicit one, PIXROUTE_CONFIG's, ./pixroute.toml, or none."""
    if explicit:
        return cwd / explicit, f"Using {explicit}, as asked."
    if named := env.get(CONFIG_VARIABLE):
        return cwd / named, f"Using {named}, from {CONFIG_VARIABLE}."
    if (cwd / FILE_NAME).exists():
        return cwd / FILE_NAME, f"Using {FILE_NAME} in this folder."
    return None, f"No {FILE_NAME} here: using the built-in chain with {KEY_VARIABLE}."


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of at most 1 MB, with names of at most 32 parts and tables as deep as Python reads them.

    Raises:
        ConfigError: it cannot be read, or is not such TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) <= LARGEST_FILE and not _LONG_NAME.search(text := content.decode("utf-8-sig")):
            return tomllib.loads(text.replace("\r\n", "\n"))
        large = len(content) > LARGEST_FILE
        message = "is larger than 1 MB" if large else f"holds a name of more than {_MOST_PARTS} parts with dots between"
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        message = "is not UTF-8"
    except RecursionError:
        message = "is nested too deeply"
    except ValueError as error:
        message = f"is not TOML: {error}"
    raise ConfigError([Problem("", message)], source=str(path))


def structure(
    mapping: Mapping[str, Any],
    plugins: PluginSource,
    *,
    base: Path,
    env: Mapping[str, str] = os.environ,
    source: str = "configuration",
    clear_keys: bool = True,
) -> Config:
    """Read a mapping of the shape of the TOML file.

    Args:
        mapping: may hold a `Secret` or a callable where the file has `{ env = … }`.
        plugins: offer the types that it may name.
        base: the folder where relative paths begin.
        env: where `{ env = … }` looks.
        source: what the error calls it.
        clear_keys: a key may stand as it is: in code, never in a file.

    Raises:
        ConfigError: it has mistakes; all of them are told.
    """
    reading = read_mapping(mapping, plugins, base=base, env=env, source=source, clear_keys=clear_keys)
    return reading.checked()


@frozen(kw_only=True)
class ConfigReading:
    """What could be read of a configuration, and what is wrong with it.

    Where there are problems, entries that cannot be read are missing. `keyless` are those problems that are keys which
    are not there; in `config` something stands for them.
    """

    config: Config
    problems: tuple[Problem, ...]
    keyless: tuple[Problem, ...]

    def checked(self, *, keys: bool = True) -> Config:
        """Give the configuration; `keys` false: nobody will use the keys, so they may be missing.

        Raises:
            ConfigError: it has mistakes; all of them are told.
        """
        wrong = [one for one in self.problems if keys or one not in self.keyless]
        if wrong:
            raise ConfigError(wrong, source=self.config.source)
        return self.config


def read_mapping(
    mapping: Mapping[str, Any],
    plugins: PluginSource,
    *,
    base: Path,
    env: Mapping[str, str] = os.environ,
    source: str = "configuration",
    clear_keys: bool = True,
) -> ConfigReading:
    """Read a mapping as `structure` does, with what is wrong beside it.

    Raises:
        ConfigError: it is no table.
    """
    from pixroute.config.reader import ConfigReader  # noqa: PLC0415 - cattrs takes 50 ms to import
    from pixroute.config.strict import strict_converter  # noqa: PLC0415

    if not isinstance(mapping, Mapping):
        raise ConfigError([Problem("", f"must be a table, not {shown(mapping)}")], source=source)
    converter = strict_converter(base=base, env=env, clear_keys=clear_keys)
    reader = ConfigReader(mapping, plugins, converter, source)
    config = reader.config()
    return ConfigReading(config=config, problems=tuple(reader.problems), keyless=tuple(reader.keyless))


class AnyKey(dict[str, str]):
    """An environment in which every key is set; our own variables stay as they are in the one it is made of."""

    def get(self, name: str, default: object = None) -> Any:
        """Give what is set, or words that stand for it."""
        own = name.startswith("PIXROUTE_")
        return super().get(name) or (default if own else f"{name}, which is not set")


def read_file(path: Path, plugins: PluginSource, *, env: Mapping[str, str] = os.environ) -> ConfigReading:
    """Read a file with what is wrong beside it; raises `ConfigError` like `read_toml`."""
    return read_mapping(read_toml(path), plugins, base=path.parent, env=env, source=str(path), clear_keys=False)


def load(path: Path, plugins: PluginSource, *, env: Mapping[str, str] = os.environ) -> Config:
    """Read a file; raises `ConfigError` like `read_toml` and `structure`."""
    return read_file(path, plugins, env=env).checked()


def load_without_keys(path: Path, plugins: PluginSource) -> Config:
    """Read a file whose keys nobody will use, so they may be missing; raises `ConfigError` like `load`."""
    return read_file(path, plugins).checked(keys=False)


def default_config(
    plugins: PluginSource, *, env: Mapping[str, str] = os.environ, plaintext: str | None = None
) -> Config:
    """Give the configuration without a file: Nano Banana Pro, then Seedream, both with APIYI_API_KEY.

    The HTTP port comes first only where `plaintext` is "accept".

    Raises:
        ConfigError: the key is not set, or a built-in plugin is broken.
    """
    if not env.get(KEY_VARIABLE, "").strip():
        message = f"set {KEY_VARIABLE} to your key, or write a {FILE_NAME}"
        raise ConfigError([Problem("", message)], source="no configuration")
    key = {"env": KEY_VARIABLE}
    providers: dict[str, Any] = {
        "banana-https": {"type": "nano-banana-pro-https", "api_key": key},
        "seedream": {"type": "seedream", "api_key": key},
    }
    if plaintext == "accept":
        http = {"type": "nano-banana-pro-http", "api_key": key, "plaintext": "accept"}
        providers = {"banana-http": http, **providers}
    mapping = {"chains": {"default": list(providers)}, "providers": providers}
    return structure(mapping, plugins, base=Path.cwd(), env=env, source="built-in configuration")
