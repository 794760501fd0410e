"""The upstreams' dialects, written from their documents and sharing no code with the library's own.

So a misreading in one is caught by the other.
"""

from pixroute.testing.emulator.dialects.chat import Chat
from pixroute.testing.emulator.dialects.dialect import Dialect, json_answer
from pixroute.testing.emulator.dialects.gemini import Gemini
from pixroute.testing.emulator.dialects.openai_images import BananaImages, OpenAIImages
from pixroute.testing.emulator.dialects.plain import Download, ModelList
from pixroute.testing.emulator.dialects.seedream import Seedream

__all__ = [
    "BananaImages",
    "Chat",
    "Dialect",
    "Download",
    "Gemini",
    "ModelList",
    "OpenAIImages",
    "Seedream",
    "json_answer",
]
