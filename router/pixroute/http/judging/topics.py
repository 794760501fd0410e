"""Topics: what is spoken of at all, for sentences that no row of `words` knows."""

from __future__ import annotations

from pixroute.http.judging.phrases import KindWords
from pixroute.outcome import FailureKind

_K = FailureKind

TOPICS: tuple[KindWords, ...] = (
    KindWords(
        _K.QUOTA,
        (r"\b(credits?|balance|billing|funds|wallet|invoices?|payments?|prepaid|(no|in)[- ]?active subscription)\b",),
        "a topic by itself, where nothing above was said: money, unless it says to come back soon",
        unless_soon=True,
    ),
    KindWords(
        _K.MODERATED,
        (
            (
                r"\b(violen(t|ce)|gore|nud(e|ity)|sexual\w*|hate(ful)?( speech)?|harass\w*|self.harm|porn\w*|celebrit\w*"
                r"|public figures?|trademarks?|deepfakes?|csam|extremis\w*|terroris\w*|weapons?|drugs)\b"
            ),
            r"\b(moderated|censored|censorship|filtered out)\b|(?<!case[ -])\bsensitive\b",
            (
                r"\b(content|prompt|image|picture|input|output|generation)s?\b[^.]{0,60}\b(rejected|refused|blocked"
                r"|disallowed|prohibited|restricted|banned|declined|withheld|flagged|forbidden)\b"
            ),
            (
                r"\b(rejected|refused|blocked|disallowed|prohibited|restricted|banned|declined|withheld|flagged|forbidden)"
                r" (\w+ )?(content|prompt|image|picture|words?|terms?|keywords?|phrases?)\b"
            ),
        ),
        "a topic by itself: what is harmful, and that something was withheld",
    ),
    KindWords(
        _K.AUTH,
        (
            r"\b(api[ _-]?keys?|access tokens?|bearer tokens?|credentials?|log ?in|sign ?in)\b[^.]{0,60}\b(not|no|in\w+|un\w+|required|again|errors?|fail\w*|expired|disabled)\b",
        ),
        "a topic by itself: the key",
    ),
    KindWords(
        _K.MODEL_GONE,
        (
            r"\b(endpoint|deployment|model|space|replica)\b( \S+){0,2} (is|was) (paused|stopped|scaled|offline|sleeping|not (running|deployed|ready))",
        ),
        "what serves the model stands still",
    ),
    KindWords(
        _K.RATE_LIMITED,
        (r"\b(limits?|allowed|maximum)\b[^.]{0,40}\b(reached|exceed\w*|hit)\b|rate exceeded|traffic control",),
        "some limit",
    ),
    KindWords(
        _K.SERVER_ERROR,
        (
            r"\b(generation|task|job|prediction|inference|processing|execution|invocation)\b[^.]{0,20}\b(failed|error|timed out)\b",
            r"(internal|unexpected|unknown|inner) (\w+ )?(error|failure)|something went wrong|server error",
            r"内部.{0,6}(错误|异常)|(生成|任务|请求|处理|执行).{0,6}失败|系统(错误|异常)|未知错误",
        ),
        "it failed, and nobody says why",
    ),
)
"""As `words.WORDS`, after them: a noun and little more, so no word here outweighs a sentence there."""
