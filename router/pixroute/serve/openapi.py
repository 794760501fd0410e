"""The description of what is served, made of the routes themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from pixroute.serve.dialects.chat import ChatDialect
from pixroute.serve.dialects.dialect import GatewayDialect
from pixroute.serve.dialects.gemini import GeminiDialect
from pixroute.serve.routes import Route

Schema = dict[str, Any]
_CHOICE = re.compile(r"\{(\w+):([^{}^]+)\}")
_TEXT: Schema = {"type": "string"}
_WORDS: Schema = {"type": "string", "minLength": 1}
_SHAPE = "[1-9][0-9]?:[1-9][0-9]?"
_RATIO: Schema = {"type": "string", "pattern": f"^(auto|{_SHAPE})$"}
_CLASS: Schema = {"enum": ["1K", "2K", "4K"]}
_PICTURE: Schema = {
    "description": "A data URI, base64, or where the server allows it a URL; alone, in an object, or several in a list."
}
_WISH: Schema = {
    "model": {
        "anyOf": [{"const": "auto"}, _TEXT],
        "description": "A chain, a provider, or another name of one. Default: by the rules.",
    },
    "n": {"type": "integer", "minimum": 1, "maximum": 100, "default": 1},
    "size": {
        "type": "string",
        "pattern": f"^(auto|[1-9][0-9]{{1,3}}x[1-9][0-9]{{1,3}}|[124]K|{_SHAPE})$",
        "description": "WIDTHxHEIGHT, 1K, 2K, 4K, W:H, or auto.",
    },
    "resolution": {**_CLASS, "description": "In place of size."},
    "aspect_ratio": {**_RATIO, "description": "W:H, beside a class."},
    "output_format": {"enum": ["png", "jpeg", "webp"]},
    "response_format": {"enum": ["b64_json", "url"]},
    "stream": {"type": "boolean", "default": False},
}
_IMAGES: Schema = {
    "type": "object",
    "required": ["prompt"],
    "properties": {"prompt": _WORDS, **_WISH, "images": _PICTURE, "image": _PICTURE, "mask": _PICTURE},
}
_PART: Schema = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {"type": {"const": "text"}, "text": _WORDS},
}
_MESSAGE: Schema = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
        "role": {"enum": ["system", "user", "assistant"]},
        "content": {"anyOf": [_WORDS, {"type": "array", "items": _PART, "minItems": 1}]},
    },
}
_TURN: Schema = {
    "type": "object",
    "required": ["parts"],
    "properties": {
        "role": {"enum": ["user", "model"]},
        "parts": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "required": ["text"], "properties": {"text": _WORDS}},
        },
    },
}
_CHAT: Schema = {
    "type": "object",
    "required": ["messages"],
    "properties": {
        "messages": {"type": "array", "items": _MESSAGE, "minItems": 1},
        "modalities": {"type": "array", "items": _TEXT, "contains": {"const": "image"}},
        "image_config": {"type": "object", "properties": {"aspect_ratio": _RATIO, "image_size": _CLASS}},
        **_WISH,
    },
}
_GEMINI: Schema = {
    "type": "object",
    "required": ["contents"],
    "properties": {
        "contents": {"type": "array", "items": _TURN, "minItems": 1},
        "generationConfig": {
            "type": "object",
            "properties": {
                "candidateCount": _WISH["n"],
                "imageConfig": {"type": "object", "properties": {"aspectRatio": _RATIO, "imageSize": _CLASS}},
            },
        },
    },
}
_BODIES: Mapping[type, Schema] = {GeminiDialect: _GEMINI, ChatDialect: _CHAT}
"""Of dialects that do not ask as OpenAI's images do."""
_ERROR: Schema = {"description": "An error, in the envelope of the route's dialect; `kind` says which."}


def openapi(routes: Sequence[Route], server: str) -> Schema:
    """Describe routes.

    Args:
        routes: as they are served.
        server: the URL that callers reach them at.
    """
    paths: dict[str, Schema] = {}
    for route in routes:
        for path, parameters in _paths(route.path):
            paths.setdefault(path, {})[route.method.lower()] = _operation(route, parameters)
    return {
        "openapi": "3.1.0",
        "info": {"title": "pixroute", "version": version("pixroute")},
        "servers": [{"url": server}],
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "paths": paths,
    }


def _paths(pattern: str) -> list[tuple[str, list[Schema]]]:
    """Write out the choices of a pattern; what is left in braces is a parameter."""
    match = _CHOICE.search(pattern)
    if match is None:
        plain = re.sub(r"\{(\w+):[^{}]*\}", r"{\1}", pattern)
        names = re.findall(r"\{(\w+)\}", plain)
        kinds = {"model": {"anyOf": _WISH["model"]["anyOf"]}}
        return [
            (plain, [{"name": one, "in": "path", "required": True, "schema": kinds.get(one, _TEXT)} for one in names])
        ]
    whole = (pattern[: match.start()] + one + pattern[match.end() :] for one in match[2].split("|"))
    return [found for one in whole for found in _paths(one)]


def _operation(route: Route, parameters: list[Schema]) -> Schema:
    made: Schema = {"summary": route.summary, "responses": {"200": {"description": "As asked."}, "default": _ERROR}}
    if parameters:
        made["parameters"] = parameters
    if route.roles is not None:
        made["security"] = [{"key": []}, {}]
    if route.dialect is not None:
        key = {"name": "Idempotency-Key", "in": "header", "schema": {**_TEXT, "maxLength": 255}}
        made["parameters"] = [*parameters, key]
        made["requestBody"] = {"required": True, "content": _content(route.dialect)}
    return made


def _content(dialect: GatewayDialect) -> Schema:
    schema = _BODIES.get(type(dialect), _IMAGES)
    content: Schema = {"application/json": {"schema": schema}}
    if getattr(dialect, "edits", False):
        files = {"type": "array", "items": {"type": "string", "format": "binary"}}
        mask = {"type": "string", "format": "binary"}
        form = {"type": "object", "properties": {"prompt": _WORDS, **_WISH, "image": files, "mask": mask}}
        content["multipart/form-data"] = {"schema": form}
    return content
