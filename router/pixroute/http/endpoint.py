"""Where a provider's calls go, and with what: read from its settings once, so that a call only looks it up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast
from urllib.parse import SplitResult, urlsplit

from attrs import evolve, field, frozen

from pixroute.http.call import Auth, HttpSettings
from pixroute.http.hosts import trusts
from pixroute.http.wire.sockets import Reach, admits
from pixroute.redact import redact
from pixroute.sanitizer import Sanitizer, sanitizer_of, secrets_of, tried
from pixroute.secret import NoSecret, Secret, fault

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS = re.compile(r"[\r\n\0]")
_PORTS = {"http": 80, "https": 443}


@frozen(kw_only=True)
class Trust:
    """Whom connections may reach and whose certificates they believe; connections are shared among equals only.

    `added`: the authorities of `ca_file` stand beside the system's, not in their place.
    """

    reach: Reach = "any"
    ca_file: Path | None = None
    added: bool = False


@frozen(kw_only=True)
class Endpoint:
    """A provider's place on the network.

    `origin` is `scheme://host:port`; `connect_timeout` None leaves it to the transport. `others` are secrets beside the
    key. `job_hosts` and `job_origins` are asked for jobs with it.
    `key` is what is sent where the source is not asked again, and `sanitizer` looks for it in what comes back.
    `is_fixed`: no secret of it ever changes.
    """

    base_url: str
    origin: str
    trust: Trust
    auth: Auth | None = None
    api_key: Secret | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    proxy: str | None = field(default=None, repr=False)
    connect_timeout: float | None = None
    private_results: bool = False
    sends_traceparent: bool = False
    others: tuple[Secret, ...] = field(default=(), repr=False)
    job_hosts: tuple[str, ...] = ()
    job_origins: tuple[str, ...] = ()
    key: str | None = field(default=None, repr=False)
    sanitizer: Sanitizer = field(factory=Sanitizer, repr=False, eq=False)
    is_fixed: bool = False

    @classmethod
    def of(cls, settings: HttpSettings, auth: Auth | None, tokens: Secret | None = None) -> Endpoint:
        """Read a provider's settings; `tokens` stand in place of its key.

        Raises:
            ValueError: they do not say where to go, or say it in a way that would give the key away.
        """
        parts = _checked(settings)
        key = _key_of(settings, needed=auth is not None and tokens is None)
        private = parts.scheme == "http" and settings.plaintext == "private"
        others = tuple(secret for secret in secrets_of(settings) if secret is not settings.api_key)
        return cls(
            base_url=settings.base_url.rstrip("/"),
            origin=origin_of(parts),
            trust=Trust(reach="private" if private else "any", ca_file=settings.ca_file),
            auth=auth,
            api_key=tokens or settings.api_key,
            headers=settings.headers,
            proxy=settings.proxy,
            connect_timeout=settings.connect_timeout,
            private_results=settings.allow_private_results,
            sends_traceparent=settings.send_traceparent,
            others=others,
            sanitizer=_sanitizer(key, others),
        )

    def now(self) -> Endpoint:
        """Give this place with the key as it is now, so that an attempt asks the source once.

        Raises:
            NoSecret: there is no key that can be sent; the text may be shown.
        """
        if self.is_fixed:
            return self
        key = None if self.api_key is None else self.api_key.ask()
        sanitizer = _sanitizer(key or "", self.others)
        if key == self.key and sanitizer is self.sanitizer:
            return self
        fixed = (self.api_key is None or self.api_key.is_fixed) and all(secret.is_fixed for secret in self.others)
        return evolve(self, key=key, sanitizer=sanitizer, is_fixed=fixed)

    @property
    def plaintext(self) -> bool:
        """Whether requests travel unencrypted."""
        return self.origin.startswith("http:")

    def url(self, path: str) -> str:
        """Append a path to the base URL, or take a whole URL of the same origin or of `job_hosts`.

        Raises:
            ValueError: a URL elsewhere: the key goes to no other origin.
        """
        if not path.startswith(("https://", "http://")):
            return f"{self.base_url}/{path.lstrip('/')}"
        parts = urlsplit(path)
        origin = origin_of(parts)
        if origin not in {self.origin, *self.job_origins} and not trusts(self.job_hosts, parts):
            raise ValueError(f"the plugin does not trust host {origin} with the key of {self.origin} (`job_hosts`)")
        return path

    def request_headers(self, request_id: str, traceparent: str | None = None) -> dict[str, str]:
        """Give the headers of a call; the key is asked for at each."""
        headers = {"User-Agent": "pixroute", "X-Client-Request-Id": request_id}
        if traceparent is not None and self.sends_traceparent:
            headers["traceparent"] = traceparent
        headers.update(self.headers)
        if self.auth and self.api_key:
            key = self.api_key.reveal() if self.key is None else self.key
            headers[self.auth.header] = self.auth.pattern.format(key=key)
        return headers

    def redact(self, text: str) -> str:
        """Take the secrets, and what looks like one, out of the words of others."""
        return self.sanitizer.redact(text)

    def conceal(self, text: str) -> str:
        """Take the secrets, and nothing else, out of an id or a code of others."""
        return self.sanitizer.conceal(text)


def _sanitizer(key: str, others: tuple[Secret, ...]) -> Sanitizer:
    return sanitizer_of((key, *(tried(secret.reveal) for secret in others)))


def origin_of(url: SplitResult) -> str:
    """Give `scheme://host:port`, the port spelt out.

    Raises:
        ValueError: the port is not a number.
    """
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return f"{url.scheme}://{host}:{url.port or _PORTS.get(url.scheme)}"


def within_reach(url: SplitResult, reach: Reach) -> bool:
    """Judge an address written into a URL; names are judged when they are resolved."""
    try:
        return admits(reach, cast("str", url.hostname))
    except ValueError:
        return True


def _checked(settings: HttpSettings) -> SplitResult:
    parts = urlsplit(settings.base_url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"`base_url` is {redact(settings.base_url)!r}; give it as https://host/v1")
    if parts.username or parts.password:
        raise ValueError("`base_url` carries a user name or password; give the credential as `api_key`")
    if parts.query or parts.fragment:
        raise ValueError(
            "`base_url` carries a query, which would stand before the path of every call; end it before the ?"
        )
    _check_headers(settings)
    _check_plaintext(settings, parts)
    return parts


def _key_of(settings: HttpSettings, *, needed: bool) -> str:
    """Give the key as it is now; a source that has none is an error only where one is needed."""
    if not needed:
        return tried(settings.api_key.reveal) if settings.api_key else ""
    try:
        key = settings.api_key.ask(_fault_at_load) if settings.api_key else ""
    except NoSecret as error:
        raise ValueError(f"`api_key` cannot be used: {error}") from None
    if not key:
        raise ValueError('`api_key` is missing; give it as { env = "NAME" } or { file = "/path" }')
    return key


def _fault_at_load(key: object) -> str | None:
    return None if key == "" else fault(key)


def _check_headers(settings: HttpSettings) -> None:
    for name, value in settings.headers.items():
        if wrong := misfit(name, value):
            raise ValueError(f"`headers` has {name!r}, {wrong}")


def misfit(name: str, value: str) -> str | None:
    """Tell why a header cannot be sent; the value is not shown."""
    if not _TOKEN.fullmatch(name):
        return "which is no name of a header"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "whose value holds half a surrogate pair"
    return "whose value holds a line end or a NUL" if _BREAKS.search(value) else None


def _check_plaintext(settings: HttpSettings, parts: SplitResult) -> None:
    if parts.scheme != "http":
        return
    if settings.plaintext == "refuse":
        raise ValueError(
            f"`base_url` is http://{parts.hostname}: the key would travel in clear; use https://, or say "
            '`plaintext = "accept"` (or "private": private addresses only)'
        )
    if settings.plaintext == "private" and settings.proxy:
        raise ValueError('`plaintext = "private"` cannot be kept through a `proxy`, which resolves the name itself')
