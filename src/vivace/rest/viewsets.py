"""One class for the views of a model, whose actions are `list`, `retrieve`, `create`, …; `rest_framework.viewsets`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vivace.rest import generics, mixins
from vivace.rest._typing import Instance
from vivace.rest.reverse import reverse
from vivace.rest.views import APIView, Endpoint

if TYPE_CHECKING:
    _View = APIView
else:
    _View = object


class ViewSetMixin(_View):
    """Binds actions to HTTP methods, `BookViewSet.as_view({"get": "list", "post": "create"})`; routers do it."""

    @classmethod
    def as_view(cls, actions: Mapping[str, str] | None = None, **initkwargs: Any) -> Endpoint:
        """The endpoint for these actions. Raises TypeError without any, or for an unknown keyword."""
        if not actions:
            raise TypeError(f"{cls.__name__}.as_view() needs actions, such as {{'get': 'list'}}; or use a router")
        for name in actions.values():
            if not hasattr(cls, name):
                raise TypeError(f"{cls.__name__}.as_view(): there is no action {name!r} on the class")
        cls.check_initkwargs(initkwargs)
        return Endpoint(cls, initkwargs, actions)

    @property
    def action(self) -> str | None:
        """The name of the action that answers the request; "metadata" for OPTIONS."""
        method = self.request.method.lower()
        return "metadata" if method == "options" else (self.action_map or {}).get(method)

    @classmethod
    def get_extra_actions(cls) -> list[Any]:
        """The methods marked with `@action`, in the order of their definition."""
        found: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            found.update(vars(base))
        return [value for value in found.values() if inspect.isfunction(value) and hasattr(value, "mapping")]

    def reverse_action(self, url_name: str, **kwargs: Any) -> str:
        """The address of one of this viewset's actions."""
        return reverse(f"{self.basename}-{url_name}", kwargs, self.request)


class ViewSet(ViewSetMixin, APIView):
    """Actions that you write yourself."""


class GenericViewSet(ViewSetMixin, generics.GenericAPIView[Instance]):
    """Actions that you write yourself, with a queryset and a serializer."""


class ReadOnlyModelViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, GenericViewSet[Instance]):
    """Lists and shows."""


class ModelViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    GenericViewSet[Instance],
):
    """Lists, shows, creates, changes and deletes."""
