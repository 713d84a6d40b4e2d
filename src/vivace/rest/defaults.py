"""A REST API for a model that nobody wrote one for: safe to publish as it is.

Strangers may read and nobody may write; fields marked `secret` are not shown, searched, filtered or ordered by; pages
are bounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import new_class
from typing import Any

from vivace.rest import filters, pagination, permissions, serializers, viewsets
from vivace.rest.routers import SimpleRouter

SEARCHED_KINDS = ("string", "text", "email", "url", "slug")
FILTERED_KINDS = ("string", "slug", "email", "integer", "smallint", "bigint", "boolean", "date", "uuid")


class DefaultPagination(pagination.PageNumberPagination):
    """Pages of 50, up to 500 when asked for with `?page_size=`."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500


def serializer_for(model: type[Any], *, fields: Iterable[str] | None = None) -> type[serializers.ModelSerializer[Any]]:
    """A ModelSerializer of the model's fields, secret ones left out, or of those named."""
    chosen = serializers.ALL_FIELDS if fields is None else list(fields)
    meta = type("Meta", (), {"model": model, "fields": chosen})
    base: type[serializers.ModelSerializer[Any]] = serializers.ModelSerializer
    return new_class(
        f"{model.__name__}Serializer",
        (base,),
        exec_body=lambda names: names.update(Meta=meta, __module__=model.__module__),
    )


def viewset_for(model: type[Any]) -> type[viewsets.ReadOnlyModelViewSet[Any]]:
    """A read-only viewset of the model: lists in pages, with search, filters and ordering; details by key."""
    shown = [field for field in model._meta.concrete_fields if not field.spec.secret]
    plain = [field for field in shown if not field.is_relation]
    namespace = {
        "registered_model": model,
        "__module__": model.__module__,
        "__doc__": model.__doc__,
        "queryset": model._meta.default_manager.all(),
        "serializer_class": serializer_for(model),
        "permission_classes": (permissions.ReadOnly,),
        "pagination_class": DefaultPagination,
        "filter_backends": (filters.SearchFilter, filters.FieldFilter, filters.OrderingFilter),
        "search_fields": [field.name for field in plain if field.spec.kind in SEARCHED_KINDS],
        "filterset_fields": [field.name for field in shown if field.is_relation or field.spec.kind in FILTERED_KINDS],
        "ordering_fields": [field.name for field in plain if field.spec.kind != "json"],
    }
    return type(f"{model.__name__}ViewSet", (viewsets.ReadOnlyModelViewSet,), namespace)


def register(router: SimpleRouter, prefix: str, target: type[Any], basename: str | None = None) -> None:
    """Registers a viewset with the router, or a model by its default viewset."""
    router.register(prefix, viewset_for(target) if hasattr(target, "_meta") else target, basename)
