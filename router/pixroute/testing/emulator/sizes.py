"""Which size of picture each model makes for what was asked (upstreams §1.1, §2.7, §4.3)."""

import re

# 1K, 2K and 4K of Nano Banana Pro are the first one times 1, 2 and 4.
BANANA_1K = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}
SCALES = {"1K": 1, "2K": 2, "4K": 4}

SEEDREAM_2K = {
    "1:1": (2048, 2048),
    "4:3": (2304, 1728),
    "3:4": (1728, 2304),
    "16:9": (2560, 1440),
    "9:16": (1440, 2560),
    "3:2": (2496, 1664),
    "2:3": (1664, 2496),
    "21:9": (3024, 1296),
}
SEEDREAM_4K = {
    "1:1": (4096, 4096),
    "4:3": (4694, 3520),
    "3:4": (3520, 4694),
    "16:9": (5404, 3040),
    "9:16": (3040, 5404),
    "3:2": (4992, 3328),
    "2:3": (3328, 4992),
    "21:9": (6198, 2656),
    "9:21": (2656, 6198),
}
SEEDREAM_CLASSES = {
    "1K": {ratio: (width // 2, height // 2) for ratio, (width, height) in SEEDREAM_2K.items()},
    "2K": SEEDREAM_2K,
    "3K": {ratio: (width * 3 // 2, height * 3 // 2) for ratio, (width, height) in SEEDREAM_2K.items()},
    "4K": SEEDREAM_4K,
}
# The first prefix that fits -> classes, fewest and most pixels of a WxH.
SEEDREAM_LIMITS: dict[str, tuple[tuple[str, ...], int, int]] = {
    "seedream-4-0": (("1K", "2K", "4K"), 921_600, 16_777_216),
    "seedream-4-5": (("2K", "4K"), 3_686_400, 16_777_216),
    "seedream-5-0-pro": (("1K", "2K"), 921_600, 4_194_304),
    "seedream-5-0-flash": (("1K", "2K"), 921_600, 4_194_304),
    "seedream-5": (("2K", "3K"), 3_686_400, 9_437_184),
}


def parse_pixels(size: str) -> tuple[int, int] | None:
    """Read "WxH", or return None."""
    match = re.fullmatch(r"([1-9]\d{1,4})x([1-9]\d{1,4})", size)
    return (int(match[1]), int(match[2])) if match else None


def banana_size(ratio: str, resolution: str) -> tuple[int, int]:
    """Pixels of a Nano Banana Pro picture; both words must be in the tables."""
    width, height = BANANA_1K[ratio]
    return width * SCALES[resolution], height * SCALES[resolution]


def nearest_ratio(width: int, height: int) -> str:
    """Name the ratio nearest to that of a picture handed in."""
    return min(BANANA_1K, key=lambda ratio: abs(BANANA_1K[ratio][0] / BANANA_1K[ratio][1] - width / height))


def openai_size_is_legal(model: str, width: int, height: int) -> bool:
    """Tell whether an OpenAI image model takes this WxH."""
    if model.startswith(("gpt-image-1", "chatgpt-image")):
        return (width, height) in {(1024, 1024), (1536, 1024), (1024, 1536)}
    long, short = max(width, height), min(width, height)
    return width % 16 == height % 16 == 0 and long <= 3 * short and long * short <= 3840 * 2160 and long <= 3840


def seedream_limits(model: str) -> tuple[tuple[str, ...], int, int]:
    """Classes and pixel range of a Seedream model; an endpoint id counts as 4.5."""
    name = model.removeprefix("doubao-")
    limits = (limit for prefix, limit in SEEDREAM_LIMITS.items() if name.startswith(prefix))
    return next(limits, SEEDREAM_LIMITS["seedream-4-5"])
