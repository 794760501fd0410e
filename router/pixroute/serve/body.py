"""A request's body: bounded in bytes and in time, JSON or a form."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from attrs import frozen

from pixroute.config.serve import ServeSettings
from pixroute.request import LARGEST_REFERENCE, Reference
from pixroute.serve.problem import GatewayProblem, Refused, bad

_DEEPEST = 200
_MOST_PARTS = 200
_MOST_TEXT = 1 << 20
_IN_THREAD = 1 << 20
_BROKEN = (ValueError, AssertionError, LookupError, RuntimeError, HttpProcessingError, web.RequestPayloadError)
"""What aiohttp raises at a form that is none; a RuntimeError for `_charset_` alone."""
_FILES = frozenset({"image", "image[]", "images", "images[]", "mask"})


@frozen(kw_only=True)
class RequestBody:
    """The fields of a body and its files; `digest` tells bodies apart, however a form's parts are separated."""

    fields: Mapping[str, Any]
    digest: str
    files: tuple[Reference, ...] = ()
    masks: tuple[Reference, ...] = ()


async def read_body(request: web.Request, settings: ServeSettings) -> RequestBody:
    """Read it.

    Raises:
        Refused: it is too large, too slow or unreadable.
    """
    length = request.content_length
    if length is not None and length > settings.max_body:
        raise too_large(settings)
    if request.content.is_eof() and request.content_type == "application/json":  # it has come: nothing is waited for
        return await _json(request, settings)
    try:
        async with asyncio.timeout(settings.body_timeout):
            if request.content_type == "multipart/form-data":
                return await _form(request, settings)
            return await _json(request, settings)
    except TimeoutError:
        message = f"the body did not come within {settings.body_timeout:g} s"
        raise Refused(GatewayProblem(status=408, message=message, kind="slow_body")) from None


def too_large(settings: ServeSettings) -> Refused:
    """Refuse a body for its size."""
    message = f"the body has more than {settings.max_body} bytes (`[serve] max_body`)"
    return Refused(GatewayProblem(status=413, message=message, kind="too_large", headers={"Connection": "close"}))


async def _json(request: web.Request, settings: ServeSettings) -> RequestBody:
    data = await _bytes(request, settings)
    return RequestBody(fields=parsed(data), digest=await _digest([data]))


async def _bytes(request: web.Request, settings: ServeSettings) -> bytearray:
    held = bytearray()
    try:
        async for chunk in request.content.iter_any():
            if len(held) + len(chunk) > settings.max_body:
                raise too_large(settings)
            held += chunk
    except web.RequestPayloadError as error:
        raise _unreadable("body", error) from None
    return held


def _unreadable(what: str, error: Exception) -> Refused:
    return bad(f"the {what} cannot be read: {' '.join(str(error).split())[:200] or type(error).__name__}")


def parsed(data: bytes | bytearray) -> Mapping[str, Any]:
    """Read a JSON object whose text is whole and whose numbers are finite.

    Raises:
        Refused: it is none.
    """
    try:
        tree = _DECODER.decode(data.decode(json.detect_encoding(data), "surrogatepass"))
    except RecursionError:
        raise bad("the body is nested too deeply") from None
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError among them
        raise bad(f"the body is not JSON: {str(error)[:200]}") from None
    if not isinstance(tree, dict):
        raise bad("the body must be a JSON object")
    return tree


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _number(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_number)


async def _form(request: web.Request, settings: ServeSettings) -> RequestBody:
    fields: dict[str, Any] = {}
    files: dict[bool, list[Reference]] = {False: [], True: []}  # by whether it is a mask
    read: list[bytes] = []
    left = settings.max_body
    try:
        reader = await request.multipart()
        for _ in range(_MOST_PARTS):
            part = await reader.next()
            if part is None:
                found = {"files": tuple(files[False]), "masks": tuple(files[True])}
                return RequestBody(fields=fields, digest=await _digest(read), **found)
            if not isinstance(part, BodyPartReader) or not part.name:
                raise bad("every part of the form needs a name, and none may be a form itself")
            is_file = part.filename is not None or part.name in _FILES
            if is_file and sum(map(len, files.values())) >= settings.max_references:
                raise bad(f"at most {settings.max_references} reference pictures are taken", "image")
            data = await _part(part, min(left, LARGEST_REFERENCE if is_file else _MOST_TEXT), settings)
            left -= len(data)
            read += [part.name.encode("utf-8", "surrogatepass"), data]
            if is_file:
                files[part.name == "mask"].append(_file(part.name, data))
            else:
                fields[part.name] = data.decode()
    except _BROKEN as error:
        raise _unreadable("form", error) from None
    raise bad(f"the form has more than {_MOST_PARTS} parts")


async def _part(part: BodyPartReader, most: int, settings: ServeSettings) -> bytes:
    held = bytearray()
    while chunk := await part.read_chunk(1 << 16):
        held += chunk
        if len(held) > most:
            if most in {LARGEST_REFERENCE, _MOST_TEXT}:
                raise bad(f"{part.name} has more than {most} bytes", part.name)
            raise too_large(settings)
    return bytes(held)


def _file(name: str, data: bytes) -> Reference:
    if not data:
        raise bad("the file is empty", name)
    return Reference(data=data)


async def _digest(parts: Sequence[bytes | bytearray]) -> str:
    """Digest parts so that no two lists of them look alike; large ones in a thread."""
    if sum(map(len, parts)) < _IN_THREAD:
        return _sha256(parts)
    return await asyncio.to_thread(_sha256, parts)


def _sha256(parts: Sequence[bytes | bytearray]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
