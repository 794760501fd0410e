"""DashScope's two ways to a picture: at once by messages, and by a task that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log, sqrt
from typing import Any
from urllib.parse import urlsplit

from pixroute import ImageRequest, Size
from pixroute.dialects.references import data_uri_of
from pixroute.http import Call, Item
from pixroute_dashscope.models import FIXED, DashScopeModel

AT_ONCE = "services/aigc/multimodal-generation/generation"
BY_TASK = "services/aigc/text2image/image-synthesis"
_STEP = 16


def by_messages(request: ImageRequest, *, name: str, model: DashScopeModel) -> Call:
    """Ask by one message: the references, then what to do with them."""
    content: list[dict[str, str]] = [{"image": data_uri_of(reference)} for reference in request.references]
    content.append({"text": request.prompt})
    body = {
        "model": name,
        "input": {"messages": [{"role": "user", "content": content}]},
        "parameters": _parameters(request, model),
    }
    return Call.post(AT_ONCE, json=body)


def by_task(request: ImageRequest, *, name: str, model: DashScopeModel) -> Call:
    """Submit a task."""
    body = {"model": name, "input": {"prompt": request.prompt}, "parameters": _parameters(request, model)}
    return Call.post(BY_TASK, json=body, headers={"X-DashScope-Async": "enable"})


def pictures_in(output: Mapping[str, Any]) -> list[Any]:
    """Give what stands where pictures stand: of messages, else a task's results, each a URL or an error's object."""
    if "choices" in output:
        contents = [one for choice in output["choices"] for one in choice["message"]["content"]]
        return [_secure(one["image"]) for one in contents if "image" in one]
    return [_secure(one["url"]) if one.get("url") else one for one in output["results"]]


def _secure(url: Item) -> Item:
    """Ask for https where the answer says http, which is refused where the key is not to travel in clear."""
    if isinstance(url, str) and url.startswith("http://") and (urlsplit(url).hostname or "").endswith(".aliyuncs.com"):
        return "https://" + url.removeprefix("http://")
    return url


def _parameters(request: ImageRequest, model: DashScopeModel) -> dict[str, Any]:
    said = {"size": "{}*{}".format(*_pixels(request.size, model))} if request.size else {}
    return {**said, "n": request.n}


def _pixels(size: Size, model: DashScopeModel) -> tuple[int, int]:
    if size.width and size.height:
        return size.width, size.height
    if model.capabilities.exact_sizes:
        return min(FIXED, key=lambda sides: abs(log(sides[0] / sides[1] / (size.ratio or 1.0))))
    width, height = size.nominal()
    if width * height >= model.least:
        return width, height
    ratio = size.ratio or 1.0
    return _up(sqrt(model.least * ratio)), _up(sqrt(model.least / ratio))


def _up(side: float) -> int:
    return ceil(side / _STEP) * _STEP
