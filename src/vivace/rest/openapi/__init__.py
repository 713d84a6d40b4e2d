"""One OpenAPI 3.1 document of all REST views and typed functions, made from their routes; nothing is said twice.

`build()` makes it, `schema_view()` serves it, `docs_routes()` shows it to people; `@extend_schema` and its companions
say what the code does not. Read `document` first, then `view_operations` and `function_operations` (what each takes and
answers), `components` and `schemas` (what values look like).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vivace.rest.openapi.descriptions import (
        OpenApiCallback,
        OpenApiExample,
        OpenApiParameter,
        OpenApiRequest,
        OpenApiResponse,
        OpenApiWebhook,
        PolymorphicProxySerializer,
    )
    from vivace.rest.openapi.document import build
    from vivace.rest.openapi.extend import (
        extend_schema,
        extend_schema_field,
        extend_schema_serializer,
        extend_schema_view,
        inline_serializer,
    )
    from vivace.rest.openapi.options import Options
    from vivace.rest.openapi.pages import docs_routes
    from vivace.rest.openapi.types import OpenApiTypes
    from vivace.rest.openapi.views import OpenAPIView, schema_view

# Imported when asked for: views and filters import `schemas` from here, and all of this imports views.
PLACES = {
    **dict.fromkeys(
        (
            "OpenApiCallback", "OpenApiExample", "OpenApiParameter", "OpenApiRequest", "OpenApiResponse",
            "OpenApiWebhook", "PolymorphicProxySerializer",
        ),
        "descriptions",
    ),
    **dict.fromkeys(
        (
            "extend_schema", "extend_schema_field", "extend_schema_serializer", "extend_schema_view",
            "inline_serializer",
        ),
        "extend",
    ),
    "build": "document",
    "docs_routes": "pages",
    "Options": "options",
    "OpenApiTypes": "types",
    "OpenAPIView": "views",
    "schema_view": "views",
}  # fmt: skip

__all__ = [
    "OpenAPIView",
    "OpenApiCallback",
    "OpenApiExample",
    "OpenApiParameter",
    "OpenApiRequest",
    "OpenApiResponse",
    "OpenApiTypes",
    "OpenApiWebhook",
    "Options",
    "PolymorphicProxySerializer",
    "build",
    "docs_routes",
    "extend_schema",
    "extend_schema_field",
    "extend_schema_serializer",
    "extend_schema_view",
    "inline_serializer",
    "schema_view",
]


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{PLACES[name]}"), name)
