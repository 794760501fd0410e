"""Tokens of Microsoft Entra, from whatever azure-identity finds: a service principal, a managed identity, a login."""

from __future__ import annotations

import time
from typing import Any

from pixroute.http import NoSecret, Token

SCOPE = "https://cognitiveservices.azure.com/.default"
_found: list[Any] = []  # one for the process: it keeps its connections and what it was told


def fetch() -> Token:
    """Give the token of whoever this process runs as; blocks.

    Raises:
        NoSecret: azure-identity is not installed.
        Exception: what azure-identity raises where it finds nobody.
    """
    if not _found:
        _found.append(_credential())
    given = _found[0].get_token(SCOPE)
    return Token(given.token, given.expires_on - time.time())


def _credential() -> Any:
    try:
        from azure.identity import DefaultAzureCredential  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - an extra's
    except ImportError:
        raise NoSecret("tokens of Entra need azure-identity; install pixroute[azure]") from None
    return DefaultAzureCredential()
