"""Views below one object of another view, `/authors/3/books/`: only its objects, and new ones are its own.

As `rest_framework_nested.viewsets`. Source: https://github.com/alanjds/drf-nested-routers
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.rest._models import find_field
from vivace.rest.generics import get_object_or_404
from vivace.utils.exceptions import ValidationError as ValueRefused

if TYPE_CHECKING:
    from vivace.rest.generics import GenericAPIView as _View
else:
    _View = object


class NestedViewSetMixin(_View):
    """Narrows the queryset to the objects of the parent that the path names; put it before the view's other bases.

    `parent_lookup_kwargs` says which path parameter is which look-up, from the view's model to the parent:

        class ChapterViewSet(NestedViewSetMixin, ModelViewSet):     # /books/{book_pk}/chapters/
            parent_lookup_kwargs = {"book_pk": "book__pk"}

    A parent that the model has a foreign key to, and whose own key is in the path, is set on new objects, so that their
    serializer need not take it; one that does not exist is a 404. Lists below what does not exist are empty.
    """

    parent_lookup_kwargs: ClassVar[Mapping[str, str]] = {}

    def get_parent_lookups(self) -> dict[str, Any]:
        """What the path says of the parents, as look-ups. Raises LookupError for a parameter that the route has not."""
        if not self.parent_lookup_kwargs:
            raise TypeError(f'{type(self).__name__} needs parent_lookup_kwargs, such as {{"book_pk": "book__pk"}}')
        missing = [name for name in self.parent_lookup_kwargs if name not in self.kwargs]
        if missing:
            raise LookupError(
                f"{type(self).__name__}: the route has no {missing[0]!r}, only {', '.join(self.kwargs) or 'none'}. "
                "Correct parent_lookup_kwargs, or the lookup= of the nested router"
            )
        return {lookup: self.kwargs[name] for name, lookup in self.parent_lookup_kwargs.items()}

    def get_queryset(self) -> Any:
        """The view's objects that belong to the parent."""
        queryset = super().get_queryset()
        lookups = self.get_parent_lookups()
        if all(_is_possible(queryset.model, lookup, value) for lookup, value in lookups.items()):
            return queryset.filter(**lookups)
        return queryset.none()  # "/books/x/chapters/": no book has such a key

    async def get_parents(self) -> dict[str, Any]:
        """The objects to set on a new one, by the name of their field. Raises NotFound.

        For a `perform_create()` of your own: `await serializer.save(**await self.get_parents(), owner=…)`.
        """
        model = super().get_queryset().model
        conditions: dict[Any, dict[str, Any]] = {}
        for lookup, value in self.get_parent_lookups().items():
            name, _, rest = lookup.partition("__")
            field = model._meta.get_field(name)
            if getattr(field, "column", None) is not None and field.is_relation:
                conditions.setdefault(field, {})[rest or field.target_field.name] = value
        return {
            field.name: await get_object_or_404(field.related_model, **asked)
            for field, asked in conditions.items()
            if any(_is_key(field.related_model, name) for name in asked)
        }

    async def perform_create(self, serializer: Any) -> None:
        """Saves a new object of the parent."""
        await serializer.save(**await self.get_parents())


def _is_key(model: Any, name: str) -> bool:
    """Whether one value of it means one object."""
    if name == "pk":
        return True
    field = find_field(model, name)
    return bool(getattr(field, "unique", False) or getattr(field, "primary_key", False))


def _is_possible(model: Any, lookup: str, value: Any) -> bool:
    """Whether the field at the end of a look-up can have such a value at all; what it has no opinion on can be."""
    field: Any = None
    for name in lookup.split("__"):
        if model is None:
            return True
        field = model._meta.pk if name == "pk" else find_field(model, name)
        model = getattr(field, "related_model", None)
    try:
        field.to_python(value)
    except (ValueRefused, TypeError, ValueError, OverflowError):
        return False
    except AttributeError:
        return True
    return True
