"""Reference pictures, read and looked at before anything is sent."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from attrs import evolve

from pixroute.picture import BadPicture, inspect
from pixroute.request import LARGEST_REFERENCE, ImageRequest, Reference
from pixroute.values import Mistake

READ_WITHIN = 30.0
"""Seconds in which a file must have been read, wherever it lies."""
_MOST_SHOWN = 200  # of a path, its end


async def loaded(request: ImageRequest) -> ImageRequest:
    """Give the request with the bytes and media types of all its pictures; one without any is given back as it is.

    Raises:
        ValueError: one cannot be read, is no picture, or is a mask of other sides than the first reference.
    """
    if not request.references:
        return request
    references = await load(request.references)
    if request.mask is None:
        return request.altered(references=references)
    mask = await _load_mask(request.mask, references[0])
    return request.altered(references=references, mask=mask)


async def _load_mask(given: Reference, first: Reference) -> Reference:
    try:
        mask = await _load(given, READ_WITHIN)
    except Mistake as error:
        raise Mistake(str(error), "mask") from error.__cause__
    sides, wanted = _sides(mask), _sides(first)
    if sides != wanted:
        said = "has {}x{} pixels and the first reference picture {}x{}; make it as large"
        raise Mistake(said.format(*sides, *wanted), "mask")
    return mask


def _sides(picture: Reference) -> tuple[int, int]:
    data = picture.data or b""
    info = inspect(BytesIO(data), len(data))
    return info.width, info.height


async def load(references: Sequence[Reference], *, within: float = READ_WITHIN) -> tuple[Reference, ...]:
    """Give the references with their bytes and media types.

    Args:
        references: paths of regular files of at most 50 MB, or bytes.
        within: seconds for each file.

    Raises:
        ValueError: one cannot be read or is no picture; the text names its place and its file.
    """
    found = []
    for at, reference in enumerate(references):
        try:
            found.append(await _load(reference, within))
        except Mistake as error:
            name = repr(str(reference.path)[-_MOST_SHOWN:])[1:-1] if reference.path else "given as bytes"
            raise Mistake(f"reference picture {name} {error} (references[{at}])") from error.__cause__
    return tuple(found)


async def _load(reference: Reference, within: float) -> Reference:
    data = reference.data
    if data is None:
        reading = asyncio.to_thread(_read, reference.path)
        try:
            data = await asyncio.wait_for(reading, within)
        except TimeoutError:
            raise Mistake(f"could not be read within {within:g} s") from None
        except OSError as error:
            raise Mistake(f"cannot be read: {error.strerror}") from error
    try:
        info = inspect(BytesIO(data), len(data))
    except BadPicture as error:
        raise Mistake(f"is no picture that can be sent: {error}") from error
    return evolve(reference, data=data, media_type=info.media_type)


def _read(path: Path | None) -> bytes:
    if path is None:
        return b""
    # Opening a pipe would wait for whoever writes into it; reading a device need not end.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Mistake("is no regular file")
        data = file.read(LARGEST_REFERENCE + 1)
    if len(data) > LARGEST_REFERENCE:
        raise Mistake(f"has more than {LARGEST_REFERENCE // 1_000_000} MB")
    return data
