"""The routes, as they are served and as they are documented."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from pixroute.serve.dialects.chat import ChatDialect
from pixroute.serve.dialects.dialect import GatewayDialect
from pixroute.serve.dialects.gemini import GeminiDialect
from pixroute.serve.dialects.openai import OpenAIDialect
from pixroute.serve.dialects.openrouter import OpenRouterDialect


@frozen(kw_only=True)
class Route:
    """A route, as it is served and as it is documented; `roles` may ask it, None: everybody."""

    method: str
    path: str
    handler: str
    summary: str
    dialect: GatewayDialect | None = None
    roles: frozenset[str] | None = frozenset({"caller", "operator"})


ROUTES: Sequence[Route] = (
    Route(
        method="POST",
        path="/v1/images/generations",
        handler="make",
        summary="Makes pictures, in OpenAI's dialect",
        dialect=OpenAIDialect(),
    ),
    Route(
        method="POST",
        path="/v1/images/edits",
        handler="make",
        summary="Makes pictures after others, from a form or from JSON, in OpenAI's dialect",
        dialect=OpenAIDialect(word="image_edit", edits=True),
    ),
    Route(
        method="POST",
        path="/{version:v1|v1beta|v1alpha}/models/{model:[^/:]+}:{method:generateContent|streamGenerateContent}",
        handler="make",
        summary="Makes pictures, in Gemini's dialect",
        dialect=GeminiDialect(),
    ),
    Route(
        method="POST",
        path="/v1/chat/completions",
        handler="make",
        summary="Makes pictures of what a conversation asks for",
        dialect=ChatDialect(),
    ),
    Route(
        method="POST",
        path="/v1/images",
        handler="make",
        summary="Makes pictures, in OpenRouter's dialect",
        dialect=OpenRouterDialect(),
    ),
    Route(method="GET", path="/v1/models", handler="models", summary="Lists chains and providers"),
    Route(method="GET", path="/v1/models/{model}", handler="model", summary="Tells of one chain or provider"),
    Route(method="GET", path="/pictures/{name}", handler="picture", summary="Gives a picture by its link", roles=None),
    Route(method="GET", path="/openapi.json", handler="described", summary="Describes all of this", roles=None),
    Route(
        method="GET",
        path="/metrics",
        handler="metrics",
        summary="Gives figures to Prometheus",
        roles=frozenset({"metrics", "operator"}),
    ),
    Route(method="GET", path="/healthz", handler="alive", summary="Tells that the process lives", roles=None),
    Route(method="GET", path="/readyz", handler="ready", summary="Tells whether requests are taken", roles=None),
)
