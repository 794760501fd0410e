"""Labels of metrics: every series costs memory for good, so a label takes a bounded number of words."""

from __future__ import annotations

OTHER = "other"
"""What every word beyond the bound becomes."""
NONE = "none"
"""What stands for None and for an empty word."""
LONGEST = 80
"""Characters of a word."""


class LabelWords:
    """The words of one label: the first `most` that come are kept, all later ones are "other"."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self._known: dict[object, str] = {}

    def __call__(self, value: object) -> str:
        """Give the word for a value."""
        word = self._known.get(value)
        return word if word is not None else self._new(value)

    def _new(self, value: object) -> str:
        if value is None or value == "":
            return NONE
        if len(self._known) >= self._most:
            return OTHER
        word = "".join(each if each.isprintable() else "?" for each in str(value)[:LONGEST])
        self._known[value] = word
        return word
