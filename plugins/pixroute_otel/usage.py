"""What a provider counted, as attributes: tokens in all, and by modality where it says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_SIDES = {
    "input_tokens_details": "input",  # OpenAI
    "output_tokens_details": "output",
    "promptTokensDetails": "input",  # Gemini
    "prompt_tokens_details": "input",
    "candidatesTokensDetails": "output",
    "candidates_tokens_details": "output",
}
_REASONING = ("thoughtsTokenCount", "thoughts_token_count")
_MODALITIES = frozenset({"image", "text"})


def token_attributes(usage: Mapping[str, Any]) -> dict[str, int]:
    """Give `gen_ai.usage.*`; what is no count is left out."""
    told = {f"gen_ai.usage.{kind}": usage.get(kind) for kind in ("input_tokens", "output_tokens")}
    for name in _REASONING:
        told["gen_ai.usage.reasoning.output_tokens"] = usage.get(name, told.get("gen_ai.usage.reasoning.output_tokens"))
    for name, side in _SIDES.items():
        for modality, count in _by_modality(usage.get(name)):
            if modality in _MODALITIES:
                told[f"gen_ai.usage.{modality}.{side}_tokens"] = count
    return {name: count for name, count in told.items() if type(count) is int and count >= 0}


def _by_modality(details: Any) -> Iterator[tuple[str, Any]]:
    """Read OpenAI's object of counts, or Gemini's list of modalities."""
    if isinstance(details, Mapping):
        for name, count in details.items():
            yield str(name).removesuffix("_tokens"), count
    for one in details if isinstance(details, list | tuple) else ():
        if isinstance(one, Mapping):
            yield str(one.get("modality", "")).lower(), one.get("tokenCount", one.get("token_count"))
