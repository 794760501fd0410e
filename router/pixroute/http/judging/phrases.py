"""Phrases that decide by themselves: a route that is not there, a refusal's name, the model's own reply."""

from __future__ import annotations

import re

from attrs import field, frozen

from pixroute.outcome import Blame, FailureKind


@frozen
class KindWords:
    """Sentences of one kind; `blame` where they say whose fault it is, `unless_soon`: not beside a short wait."""

    kind: FailureKind
    patterns: tuple[str, ...]
    seen: str
    blame: Blame | None = None
    unless_soon: bool = False
    _one: re.Pattern[str] = field(init=False, repr=False, eq=False)

    @_one.default
    def _join(self) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{pattern})" for pattern in self.patterns))

    def say(self, text: str) -> bool:
        """Tell whether the text, in lower case, holds one of them."""
        return self._one.search(text) is not None


ROUTE = re.compile(
    r"invalid url|unrecognized request url|unknown (endpoint|route|path|url|request)"
    r"|cannot (post|get|put) |no (such )?route|no handler|no static resource|no application found"
    r"|(route|page|path|endpoint) not found|url .{0,60}not found|resource not found\W*$"
    r"|not a valid (endpoint|path|url)|no resource (was )?found|the requested (url|resource) (was |could )?not"
    r"|\A\W*(404 )?not found\W*\Z|\A\W*not found\W+the requested|missing authentication token|method not allowed"
    r"|\bnot[ _]implemented|接口不存在|路由不存在|路径不存在"
)
"""What a server says of a path it does not have (Express, FastAPI, Go, Kong, OpenAI, new-api): a wrong `base_url`."""

REASON = re.compile(
    r"\b(?:[A-Z]+_)*(?:IMAGE_SAFETY|PROHIBITED_CONTENT|CONTENT_FILTER(?:ED)?|CONTENT_POLICY(?:_VIOLATION)?|BLOCKLIST"
    r"|UNSAFE_GENERATION|RECITATION|SPII|JAILBREAK|MODEL_ARMOR|SAFETY_CHECK\w*|CONTENT_MODERAT\w+|MODERATION_BLOCKED|NSFW)\b"
    r"|\[(?:[A-Z_]*SAFETY|OTHER_BLOCK)\]|\bblocked[^.]{0,20}: SAFETY\b|finish_?reason[\"' :=]+SAFETY\b"
)
"""A refusal's reason in upper case within a sentence, as relays quote Google's."""

REPLIED = re.compile(
    r"(?:model|assistant|upstream|gemini)\W{0,3}(?:replied|responded|said|answered|returned text|reply|response)"
    r"\W*:?\W*(.{0,400})",
    re.DOTALL,
)
"""The model's own reply, quoted as such."""

DECLINES = re.compile(
    r"\b(i (can.?t|cannot|can not|am (unable|not able)|won.?t|must decline)|i.m (sorry|unable|not able)|sorry"
    r"|unable to (help|create|generate|draw)|against my)|(无法|不能)(生成|创建|绘制)|抱歉"
)
"""How a model declines."""
