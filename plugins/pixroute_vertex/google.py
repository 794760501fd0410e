"""Tokens of Google Cloud: of a service account's file, or of whoever the metadata server says runs here."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pixroute.http import NoSecret, Token

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def account_of(file: Path | None) -> tuple[str, str]:
    """Give a service account's e-mail address and project; empty for the metadata server's.

    Raises:
        ValueError: the file cannot be read, or is no service account's; the text shows nothing of it.
    """
    if file is None:
        return "", ""
    try:
        document = json.loads(file.read_text("utf-8"))
        return str(document["client_email"]), str(document.get("project_id", ""))
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(
            f"`credentials` names {file}, which is no service account's JSON key that can be read"
        ) from None


class TokenFetch:
    """Fetches tokens; blocks, and imports google-auth at the first."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._credentials: Any = None

    def __call__(self) -> Token:
        """Give a new token.

        Raises:
            NoSecret: google-auth is not installed.
            Exception: what google-auth raises where Google gives none.
        """
        try:
            from google.auth.transport.requests import Request  # noqa: PLC0415 - an extra's
        except ImportError:
            raise NoSecret("Vertex needs google-auth; install pixroute[vertex]") from None
        if self._credentials is None:
            self._credentials = self._found()
        self._credentials.refresh(Request())
        ends = self._credentials.expiry  # of UTC, without saying so
        left = (ends.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds() if ends else None
        return Token(self._credentials.token, left)

    def _found(self) -> Any:
        if self._file is None:
            from google.auth.compute_engine import Credentials  # noqa: PLC0415 - an extra's

            return Credentials(scopes=[SCOPE])  # type: ignore[no-untyped-call]  # google-auth's
        from google.oauth2 import service_account  # noqa: PLC0415 - an extra's

        load: Any = service_account.Credentials.from_service_account_file
        return load(str(self._file), scopes=[SCOPE])
