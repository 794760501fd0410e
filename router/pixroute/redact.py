"""Words of others, made fit to be shown: without keys, without control characters, and short."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"""(?xi)
    (?P<keep>
        \bbearer\s+
      | \b(?:[\w-]*(?:key|token|secret|signature|password|credential))["']?\s*[=:]\s*["']?(?:bearer\s+)?
      | ://[^\s/:@]*:(?=[^\s/@]+@)                # http://user:password@
    )
    [^\s&"',;@]+
  | \b(?:sk|pk|ark|rk)-[\w*.-]+
  | \bAIza[\w-]+
    """
)
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def redact(text: str) -> str:
    """Put `***` in place of everything that looks like a key: `sk-…`, `Bearer …`, `key=…`."""
    return _SECRET.sub(lambda match: f"{match['keep'] or ''}***", text)


def quote(text: str, limit: int = 200) -> str:
    """Give the first `limit` characters of the text on one line, redacted."""
    line = _UNPRINTABLE.sub(" ", redact(text)).strip()
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"
