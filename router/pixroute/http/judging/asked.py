"""What a request itself said, so that its own words are not taken for the upstream's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from pixroute.request import ImageRequest

_ANCHOR = 24  # characters by which an echo is found that was cut short
_SENTENCE = 12  # what is shorter is a word like any other, and an echo of it stands in quotes


@frozen(kw_only=True)
class RequestWords:
    """What one request had of its own: texts, names and values of its `extra`, and whether it had references."""

    texts: tuple[str, ...] = ()
    values: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    references: bool = False

    @classmethod
    def of(cls, request: ImageRequest, provider: str) -> RequestWords:
        """Read it from a request to this provider."""
        extra = request.extra.get(provider) or {}
        files = [str(path) for reference in request.pictures if (path := getattr(reference, "path", None))]
        files += [re.split(r"[\\/]", path)[-1] for path in files]
        texts = {text.strip() for text in (request.prompt, *_strings(extra), *files)} - {""}
        return cls(
            texts=tuple(sorted(texts, key=len, reverse=True)),
            values=frozenset(_strings(extra)),
            fields=frozenset(_names(extra)),
            references=bool(request.references),
        )

    @property
    def own(self) -> bool:
        """Whether it had anything that other requests to this provider lack."""
        return bool(self.fields) or self.references

    def without(self, text: str) -> str:
        """Take out of an answer's words what the request had said."""
        for own in self.texts:
            text = _without(text, own)
        return text

    def mentioned(self, text: str, param: str | None) -> bool:
        """Tell whether an answer names one of its `extra` fields, or quotes its values."""
        if param is not None and not self.fields.isdisjoint(re.split(r"[.\[\]/ ]+", param)):
            return True
        quoted = {word.strip() for pair in _QUOTED.findall(text) for word in pair if word}
        leaves = {leaf for word in quoted for leaf in re.split(r"[.\[\]/]+", word)}
        return not (self.fields | self.values).isdisjoint(quoted | leaves)


NOTHING = RequestWords()
"""Nothing is known of the request."""

_QUOTED = re.compile(r"'([^'\n]{1,80})'|\"([^\"\n]{1,80})\"|`([^`\n]{1,80})`")


def _without(text: str, own: str) -> str:
    if len(own) < _SENTENCE:
        return re.sub(rf"(['\"`‘“]){re.escape(own)}(['\"`’”])", r"\1\2", text, flags=re.IGNORECASE)
    lowered, sought = text.lower(), own.lower()
    if len(lowered) != len(text) or len(sought) != len(own):  # some letters grow when they are lowered
        return text.replace(own, "")
    kept, at = [], 0
    while (found := lowered.find(sought[:_ANCHOR], at)) >= 0:
        end = next((n for n, (a, b) in enumerate(zip(lowered[found:], sought, strict=False)) if a != b), None)
        length = min(len(own), len(text) - found) if end is None else end
        kept.append(text[at:found])
        at = found + max(length, 1)
    return "".join([*kept, text[at:]])


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from _names(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _names(inner)
