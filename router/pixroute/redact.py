"""Words of others, made fit to be shown: without keys, without control characters, and short."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"""(?xi)
    (?P<keep>
        \bbearer\s+
      | \b(?:[\w-]{0,40}(?:key|token|secret|signature|password|credential))["']?\s*[=:]\s*["']?(?:bearer\s+)?
      | ://[^\s/:@]*:(?=[^\s/@]+@)                # http://user:password@
    )
    [^\s&"',;@]+
  | \bsk-[\w*.-]*[\w*]
  | \bAIza[\w-]+
    """
)


def redact(text: str) -> str:
    """Put `***` in place of everything that looks like a key: `sk-…`, `Bearer …`, `key=…`."""
    return _SECRET.sub(lambda match: f"{match['keep'] or ''}***", text)


def quote(text: str, limit: int = 200) -> str:
    """Give the first `limit` characters of the text on one line, redacted."""
    start = redact(text[: 4 * limit])  # an answer may be megabytes of words
    line = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"
