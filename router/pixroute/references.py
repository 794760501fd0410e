"""Reference pictures, read and looked at before anything is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from io import BytesIO

from attrs import evolve

from pixroute.picture import BadPicture, inspect
from pixroute.request import Reference


async def load(references: Sequence[Reference]) -> tuple[Reference, ...]:
    """Give the references with their bytes and media types.

    Raises:
        ValueError: one cannot be read or is no picture.
    """
    return tuple([await asyncio.to_thread(_load, reference) for reference in references])


def _load(reference: Reference) -> Reference:
    name = reference.path or "given as bytes"
    try:
        data = reference.data if reference.data is not None else reference.path.read_bytes() if reference.path else b""
        info = inspect(BytesIO(data), len(data))
    except OSError as error:
        raise ValueError(f"reference picture {name} cannot be read: {error.strerror}") from error
    except BadPicture as error:
        raise ValueError(f"reference picture {name} is no picture that can be sent: {error}") from error
    return evolve(reference, data=data, media_type=f"image/{info.format}")
