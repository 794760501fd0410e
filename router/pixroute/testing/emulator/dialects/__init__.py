"""The upstreams' dialects, written from their documents and sharing no code with the library's own.

So a misreading in one is caught by the other.
"""

from pixroute.testing.emulator.dialects.chat import Chat
from pixroute.testing.emulator.dialects.dialect import Dialect, json_answer
from pixroute.testing.emulator.dialects.gemini import EmulatedGemini
from pixroute.testing.emulator.dialects.openai_images import BananaImages, EmulatedOpenAIImages
from pixroute.testing.emulator.dialects.plain import Download, ModelList
from pixroute.testing.emulator.dialects.seedream import EmulatedSeedream

__all__ = [
    "BananaImages",
    "Chat",
    "Dialect",
    "Download",
    "EmulatedGemini",
    "EmulatedOpenAIImages",
    "EmulatedSeedream",
    "ModelList",
    "json_answer",
]
