"""Publishes what an `API` has registered: routes of the REST framework and the OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.conf import ConfigurationError
from vivace.project.api import API, is_model
from vivace.rest import filters, openapi, pagination, permissions, routers, serializers, viewsets
from vivace.web.routing import BaseRoute, Route

if TYPE_CHECKING:
    from vivace.orm.base import Model

# What `?search=` looks at in a model that was registered without a viewset: short text, nothing secret.
_SEARCHED_KINDS = frozenset({"string", "slug", "email"})


def api_routes(api: API, title: str) -> list[BaseRoute]:
    """The routes of everything registered, the root that lists them, and `schema/`. Raises ConfigurationError."""
    router = routers.DefaultRouter()
    for registration in api:
        target = registration.target
        viewset = viewset_of(target) if is_model(target) else target
        try:
            router.register(registration.prefix, viewset, registration.basename)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"api.{error}") from error
    schema = openapi.schema_view(router, title=title.replace("_", " ").strip().capitalize())
    return [Route("/schema/", schema, name="schema"), *router.routes]


def viewset_of(model: type[Model]) -> type[viewsets.ModelViewSet[Any]]:
    """A viewset for a model: strangers may read it, in pages, all but its secret fields."""
    name = model.__name__
    meta = type("Meta", (), {"model": model, "fields": serializers.ALL_FIELDS})
    serializer = type(f"{name}Serializer", (serializers.ModelSerializer,), {"Meta": meta, "__doc__": model.__doc__})
    searched = [
        field.name
        for field in model._meta.concrete_fields
        if field.spec.kind in _SEARCHED_KINDS and not field.spec.secret
    ]
    attributes = {
        "__doc__": model.__doc__,
        "__module__": model.__module__,
        "queryset": model._meta.default_manager.all(),
        "serializer_class": serializer,
        "permission_classes": [permissions.IsAuthenticatedOrReadOnly],
        "pagination_class": ModelPagination,
        "filter_backends": [filters.SearchFilter, filters.OrderingFilter],
        "search_fields": searched,
        "ordering": model._meta.ordering or ["pk"],
    }
    return type(f"{name}ViewSet", (viewsets.ModelViewSet,), attributes)


class ModelPagination(pagination.PageNumberPagination):
    """Pages of 50, or of as many as `?page_size=` says, up to 500."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
