"""The models the emulator knows, and whether they are still served."""

NANO_BANANAS = ("nano-banana-pro", "nano-banana-pro-preview", "nano-banana")
GEMINIS = (
    "gemini-3-pro-image",
    "gemini-3-pro-image-preview",
    "nano-banana-pro-preview",
    "gemini-nano-banana-2.1",
    "gemini-3.1-flash-lite-image",
)
SEEDREAMS = (
    "seedream-4-0-250828",
    "seedream-4-5-251128",
    "seedream-5-0-260128",
    "seedream-5-0-pro-260628",
    "seedream-5-0-flash-260915",
    "seedream-5-5-261028",
)
GPT_IMAGES = (
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-2",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.5-flare",
    "gpt-image-2.6-sunburst",
    "gpt-image-2.6-flare",
    "chatgpt-image-latest",
)
GROKS = ("grok-imagine-image", "grok-imagine-image-quality", "grok-imagine-image-2.0")
# Gone everywhere (upstreams §1.1, §2.2).
RETIRED = frozenset(
    {"gemini-3.1-flash-image", "gemini-3.1-flash-image-preview", "gemini-2.5-flash-image"}
    | {"gpt-image-1", "dall-e-2", "dall-e-3"}
)
# Gone at Google since 2026-06-25, still an alias at the aggregator.
RETIRED_AT_GOOGLE = RETIRED | {"gemini-3-pro-image-preview"}

_FAMILIES = {
    "nano-banana": "banana",
    "gemini-": "banana",
    "seedream-": "seedream",
    "doubao-seedream-": "seedream",
    "ep-": "seedream",
    "gpt-image-": "gpt-image",
    "chatgpt-image-": "gpt-image",
    "dall-e-": "gpt-image",
    "grok-imagine-": "grok",
}
FAMILIES = frozenset(_FAMILIES.values())


def family(model: str) -> str:
    """Name the family of a model, or "" if the emulator does not know it."""
    return next((name for prefix, name in _FAMILIES.items() if model.startswith(prefix)), "")
