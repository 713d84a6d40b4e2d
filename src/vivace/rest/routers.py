"""Routes for viewsets; `rest_framework.routers`, giving `vivace.web` routes.

router = DefaultRouter()
router.register("books", BookViewSet)
app = Application(routes=[Mount("/api", routes=router.routes)])
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2s
from typing import Any

from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.rest.urlpatterns import format_suffix_patterns
from vivace.rest.views import APIView, Endpoint
from vivace.utils.suggest import did_you_mean
from vivace.web.convertors import CONVERTOR_TYPES, StringConvertor, register_url_convertor
from vivace.web.routing import BaseRoute, Route

# Extra actions may not be called so: these are routes already.
STANDARD_ACTIONS = ("list", "create", "retrieve", "update", "partial_update", "destroy")


@dataclass(frozen=True)
class ViewSetRoute:
    """One URL of a viewset, and which of its actions answers which method there."""

    url: str
    name: str
    mapping: Mapping[str, str]
    detail: bool
    initkwargs: Mapping[str, Any]


LIST_ROUTE = ViewSetRoute(
    "/{prefix}{slash}", "{basename}-list", {"get": "list", "post": "create"}, False, {"suffix": "List"}
)
DETAIL_ROUTE = ViewSetRoute(
    "/{prefix}/{lookup}{slash}",
    "{basename}-detail",
    {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"},
    True,
    {"suffix": "Instance"},
)


class SimpleRouter:
    """List, detail and extra action routes of the registered viewsets.

    A viewset's `lookup_value_regex` says what a key looks like, or its `lookup_value_converter` names a convertor of
    paths ("int", "uuid"); `use_regex_path` is taken for DRF's sake, for both work whatever it says.
    """

    def __init__(self, trailing_slash: bool = True, *, use_regex_path: bool = True) -> None:
        self.slash = "/" if trailing_slash else ""
        self.use_regex_path = use_regex_path
        self.prefix = ""
        self.registry: list[tuple[str, type[Any], str]] = []
        self._routes: list[BaseRoute] | None = None

    def register(self, prefix: str, viewset: type[Any], basename: str | None = None) -> None:
        """Adds a viewset below `prefix`. `basename` begins the names of its routes; default: the model's name.

        Raises ValueError for a basename that is taken, since its routes could not be told apart by name.
        """
        basename = self.get_default_basename(viewset) if basename is None else basename
        prefix = prefix.strip("/")
        for other_prefix, other, taken in self.registry:
            if taken == basename:
                raise ValueError(
                    f"register({prefix!r}, {viewset.__name__}): the basename {basename!r} belongs to {other.__name__} "
                    f"at {other_prefix!r}; give another one with basename=…"
                )
        self.registry.append((prefix, viewset, basename))
        self._routes = None

    def get_default_basename(self, viewset: type[Any]) -> str:
        """The model's name. Raises ValueError for a viewset without a queryset."""
        queryset = getattr(viewset, "queryset", None)
        if queryset is None:
            raise ValueError(f"register({viewset.__name__}): it has no queryset to take a name from; give basename=…")
        name: str = queryset.model._meta.model_name
        return name

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of what is registered so far, for a Mount or an Application."""
        if self._routes is None:
            self._routes = self.get_routes()
        return self._routes

    @property
    def urls(self) -> list[BaseRoute]:
        """The same as `routes`."""
        return self.routes

    def get_routes(self) -> list[BaseRoute]:
        """New routes for everything registered."""
        return [
            self._make(route, prefix, viewset, basename)
            for prefix, viewset, basename in self.registry
            for route in self._routes_of(viewset)
        ]

    def _routes_of(self, viewset: type[Any]) -> Iterator[ViewSetRoute]:
        extra = viewset.get_extra_actions()
        for function in extra:
            if function.__name__ in STANDARD_ACTIONS:
                raise ValueError(f"{viewset.__name__}.{function.__name__}: @action cannot mark a standard action")
        # Extra actions of the list come before the detail route, which would take their names for keys.
        more = getattr(viewset, "list_methods", {})
        candidates = [replace(LIST_ROUTE, mapping={**LIST_ROUTE.mapping, **more}) if more else LIST_ROUTE]
        candidates += [_extra(function, "/{prefix}/") for function in extra if not function.detail]
        candidates += [DETAIL_ROUTE]
        candidates += [_extra(function, "/{prefix}/{lookup}/") for function in extra if function.detail]
        for route in candidates:
            mapping = {method: action for method, action in route.mapping.items() if hasattr(viewset, action)}
            if mapping:
                yield replace(route, mapping=mapping)

    def _make(self, route: ViewSetRoute, prefix: str, viewset: type[Any], basename: str) -> Route:
        path = route.url.replace("{prefix}", prefix).replace("{lookup}", self.get_lookup(viewset))
        path = re.sub("//+", "/", self.prefix + path.replace("{slash}", self.slash))
        endpoint = viewset.as_view(route.mapping, basename=basename, detail=route.detail, **route.initkwargs)
        return Route(path, endpoint, name=route.name.replace("{basename}", basename))

    def get_lookup(self, viewset: type[Any], before: str = "") -> str:
        """The path parameter that names one object: `{pk}`, of the form that `lookup_value_regex` says.

        `before` is put before the parameter's name.
        """
        name = f"{before}{getattr(viewset, 'lookup_url_kwarg', None) or getattr(viewset, 'lookup_field', 'pk')}"
        pattern = getattr(viewset, "lookup_value_regex", None)
        if pattern is not None:
            return f"{{{name}:{convertor_for(pattern)}}}"
        converter = getattr(viewset, "lookup_value_converter", None)
        return f"{{{name}}}" if converter is None else f"{{{name}:{converter}}}"


class APIRootView(APIView):
    """What this API has; `rest_framework.routers.APIRootView`."""

    paths: Mapping[str, str] = {}
    exclude_from_schema = True
    name = "Api Root"

    async def get(self, request: Request, **kwargs: Any) -> Response:
        """The addresses of all lists."""
        # This view's own address shows where the router is mounted, under whatever names.
        base = str(request.url.replace(query="", fragment="")).rstrip("/")
        return Response({prefix: f"{base}/{path}" for prefix, path in self.paths.items()})


class DefaultRouter(SimpleRouter):
    """A SimpleRouter with a root view that lists what there is, and format suffixes (`/books.json`)."""

    include_root_view = True
    include_format_suffixes = True
    root_view_name = "api-root"
    APIRootView: type[APIView] = APIRootView

    def get_routes(self) -> list[BaseRoute]:
        routes = super().get_routes()
        if self.include_root_view:
            routes.append(Route(f"{self.prefix}/", self.get_api_root_view(), name=self.root_view_name))
        return format_suffix_patterns(routes) if self.include_format_suffixes else routes

    def get_api_root_view(self) -> Endpoint:
        """The root view's endpoint."""
        return self.APIRootView.as_view(
            paths={
                prefix: f"{prefix}{self.slash}"
                for prefix, viewset, _ in self.registry
                if any(hasattr(viewset, action) for action in LIST_ROUTE.mapping.values()) and "{" not in prefix
            }
        )


def _extra(function: Any, base: str) -> ViewSetRoute:
    return ViewSetRoute(
        url=f"{base}{function.url_path}{{slash}}",
        name=f"{{basename}}-{function.url_name}",
        mapping=function.mapping,
        detail=function.detail,
        initkwargs=function.kwargs,
    )


class NestedMixin(SimpleRouter):
    """Routes below one object of another router's viewset, as drf-nested-routers makes them.

    `lookup` begins the name of the parameter that names the parent: `lookup="author"` makes `author_pk`.
    """

    def __init__(
        self,
        parent_router: SimpleRouter,
        parent_prefix: str,
        *,
        lookup: str | None = None,
        trailing_slash: bool | None = None,
        use_regex_path: bool = True,
    ) -> None:
        self.nest_count: int = getattr(parent_router, "nest_count", 0) + 1
        has_slash = bool(parent_router.slash) if trailing_slash is None else trailing_slash
        super().__init__(has_slash, use_regex_path=use_regex_path)
        lookup = f"nested_{self.nest_count}" if lookup is None else lookup
        if not lookup.isidentifier():
            raise ValueError(f"lookup={lookup!r}: it begins the name of a parameter, so it must be an identifier")
        parent_prefix = parent_prefix.strip("/")
        registered = {prefix: viewset for prefix, viewset, _ in parent_router.registry}
        if parent_prefix not in registered:
            choices = did_you_mean(parent_prefix, registered, listed_as="Registered")
            raise LookupError(f'the parent router has nothing at "{parent_prefix}". {choices}')
        parameter = self.get_lookup(registered[parent_prefix], f"{lookup}_")
        self.parent_router, self.parent_prefix = parent_router, parent_prefix
        self.prefix = f"{parent_router.prefix}/{parent_prefix}/{parameter}"


class NestedSimpleRouter(NestedMixin):
    """A SimpleRouter below one object of another router's viewset.

    authors = SimpleRouter()
    authors.register("authors", AuthorViewSet)
    books = NestedSimpleRouter(authors, "authors", lookup="author")
    books.register("books", BookViewSet, basename="author-books")   # /authors/{author_pk}/books/{pk}/
    """


class NestedDefaultRouter(NestedMixin, DefaultRouter):
    """A DefaultRouter below one object of another router's viewset."""

    include_root_view = False


def convertor_for(pattern: str) -> str:
    """The name of a convertor that takes what `pattern` matches; made at its first use, private by its underscore."""
    key = f"_lookup_{blake2s(pattern.encode(), digest_size=8).hexdigest()}"
    if key not in CONVERTOR_TYPES:
        # A named group would clash with the route's parameters.
        unnamed = re.sub(r"\(\?P<[^>]+>", "(?:", pattern)
        convertor = type("LookupConvertor", (StringConvertor,), {"regex": unnamed})
        register_url_convertor(key, convertor())
    return key
