"""Azure's two ways to OpenAI's images API (upstreams-more, Azure OpenAI)."""

from __future__ import annotations

from urllib.parse import quote

from attrs import evolve

from pixroute import ImageRequest
from pixroute.dialects import openai_images
from pixroute.http import Call


def by_deployment(request: ImageRequest, *, deployment: str, version: str, **fields: str | int | None) -> Call:
    """Name the deployment in the path and the API's version in the query; the body names no model."""
    root = f"openai/deployments/{quote(deployment, safe='')}/"
    call = openai_images.call(request, root=root, model=None, **fields)
    return evolve(call, path=f"{call.path}?api-version={quote(version)}")


def by_v1(request: ImageRequest, *, deployment: str, **fields: str | int | None) -> Call:
    """Name the deployment as the model, as OpenAI's own API has it."""
    return openai_images.call(request, root="openai/v1/", model=deployment, **fields)
