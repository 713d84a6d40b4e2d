"""Views over a queryset and a serializer; `rest_framework.generics`, awaited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vivace.orm.exceptions import DataError, ObjectDoesNotExist
from vivace.rest import _loading, mixins
from vivace.rest._typing import Instance, Typed
from vivace.rest.exceptions import NotFound
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.rest.serializers import BaseSerializer
from vivace.rest.settings import setting
from vivace.rest.views import APIView
from vivace.utils.exceptions import ValidationError as ValueRefused


async def get_object_or_404(queryset: Any, **lookup: Any) -> Any:
    """The one object that `lookup` finds. Raises NotFound, also for a value that the field cannot have.

    `queryset` may be a model, a manager or a queryset.
    """
    if hasattr(queryset, "_meta"):
        queryset = queryset._meta.default_manager.all()
    try:
        return await queryset.get(**lookup)
    # A key that is no number, too large, or holds a NUL is as unknown as one that is merely not there.
    except (ObjectDoesNotExist, ValueRefused, TypeError, ValueError, OverflowError, DataError):
        raise NotFound(f"No {queryset.model._meta.object_name} matches the given query.") from None


class GenericAPIView(APIView, Typed[Instance]):
    """What a view over one model needs: `queryset`, `serializer_class`, lookup, filters, pages.

    The queryset is given the joins and prefetches that the serializer shows (`_loading.plan`), so that a list costs
    one query and one for each to-many relation in it.
    """

    queryset: Any = None
    serializer_class: type[BaseSerializer] | None = None
    lookup_field = "pk"
    lookup_url_kwarg: str | None = None
    lookup_value_regex: str | None = None
    filter_backends: Sequence[type[Any]] = setting("DEFAULT_FILTER_BACKENDS")
    pagination_class: type[Any] | None = setting("DEFAULT_PAGINATION_CLASS")
    _paginator: Any = None

    def get_queryset(self) -> Any:
        """The objects of this view, a fresh queryset for each request. Override it to look at the request."""
        if self.queryset is None:
            raise TypeError(f"{type(self).__name__} needs `queryset`, or a get_queryset() of its own")
        return self.queryset.all() if hasattr(self.queryset, "all") else self.queryset

    async def get_object(self) -> Instance:
        """The object that the URL names. Raises NotFound, PermissionDenied."""
        kwarg = self.lookup_url_kwarg or self.lookup_field
        if kwarg not in self.kwargs:
            raise LookupError(
                f"{type(self).__name__}: the route has no {kwarg!r}, only {', '.join(self.kwargs) or 'none'}. "
                "Set lookup_field or lookup_url_kwarg, or name the parameter so"
            )
        queryset = self.plan_queryset(self.filter_queryset(self.get_queryset()))
        instance: Instance = await get_object_or_404(queryset, **{self.lookup_field: self.kwargs[kwarg]})
        await self.check_object_permissions(self.request, instance)
        return instance

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """A serializer of this view, its context set."""
        kwargs.setdefault("context", self.get_serializer_context())
        cls = self.get_serializer_class()
        request: Any = self.request
        if hasattr(cls, "chosen") and request is not None and request.method in ("GET", "HEAD"):
            cls = cls.chosen(request.query_params)
        return cls(*args, **kwargs)

    def get_serializer_class(self) -> type[BaseSerializer]:
        """The class that `get_serializer()` uses. Override it to choose by `self.action`."""
        if self.serializer_class is None:
            raise TypeError(f"{type(self).__name__} needs `serializer_class`, or a get_serializer_class() of its own")
        return self.serializer_class

    def get_serializer_context(self) -> Mapping[str, Any]:
        """What serializers find in `self.context`."""
        return {"request": self.request, "format": self.format_kwarg, "view": self}

    def filter_queryset(self, queryset: Any) -> Any:
        """`queryset` narrowed and ordered by every filter backend."""
        for backend in self.filter_backends:
            queryset = backend().filter_queryset(self.request, queryset, self)
        return queryset

    def plan_queryset(self, queryset: Any, *, is_only_shown: bool = False) -> Any:
        """`queryset` with the related objects that the serializer shows, loaded with as few queries as can be.

        With `is_only_shown`, columns that the serializer does not show are not read.
        """
        return _loading.plan(queryset, self.get_serializer(), is_only_shown=is_only_shown)

    @property
    def paginator(self) -> Any:
        """This request's paginator, or None for a view without pages."""
        if self._paginator is None and self.pagination_class is not None:
            self._paginator = self.pagination_class()
        return self._paginator

    async def paginate_queryset(self, queryset: Any) -> Any:
        """The objects of the page asked for, or None for a view without pages. Raises NotFound."""
        return None if self.paginator is None else await self.paginator.paginate_queryset(queryset, self.request, self)

    def get_paginated_response(self, data: Any) -> Response:
        """The page's data in its envelope."""
        response: Response = self.paginator.get_paginated_response(data)
        return response


class CreateAPIView(mixins.CreateModelMixin, GenericAPIView[Instance]):
    """POST creates."""

    async def post(self, request: Request, **kwargs: Any) -> Response:
        """Creates an object."""
        return await self.create(request, **kwargs)


class ListAPIView(mixins.ListModelMixin, GenericAPIView[Instance]):
    """GET lists."""

    async def get(self, request: Request, **kwargs: Any) -> Response:
        """Lists the objects."""
        return await self.list(request, **kwargs)


class RetrieveAPIView(mixins.RetrieveModelMixin, GenericAPIView[Instance]):
    """GET shows one."""

    async def get(self, request: Request, **kwargs: Any) -> Response:
        """Shows an object."""
        return await self.retrieve(request, **kwargs)


class DestroyAPIView(mixins.DestroyModelMixin, GenericAPIView[Instance]):
    """DELETE deletes."""

    async def delete(self, request: Request, **kwargs: Any) -> Response:
        """Deletes an object."""
        return await self.destroy(request, **kwargs)


class UpdateAPIView(mixins.UpdateModelMixin, GenericAPIView[Instance]):
    """PUT replaces, PATCH changes."""

    async def put(self, request: Request, **kwargs: Any) -> Response:
        """Replaces an object."""
        return await self.update(request, **kwargs)

    async def patch(self, request: Request, **kwargs: Any) -> Response:
        """Changes an object."""
        return await self.partial_update(request, **kwargs)


class ListCreateAPIView(ListAPIView[Instance], CreateAPIView[Instance]):
    """GET lists, POST creates."""


class RetrieveUpdateAPIView(RetrieveAPIView[Instance], UpdateAPIView[Instance]):
    """GET shows, PUT replaces, PATCH changes."""


class RetrieveDestroyAPIView(RetrieveAPIView[Instance], DestroyAPIView[Instance]):
    """GET shows, DELETE deletes."""


class RetrieveUpdateDestroyAPIView(RetrieveAPIView[Instance], UpdateAPIView[Instance], DestroyAPIView[Instance]):
    """GET shows, PUT replaces, PATCH changes, DELETE deletes."""
