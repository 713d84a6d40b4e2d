"""`Meta.order_with_respect_to`: the rows of one parent in an order that is kept in the column `_order`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from vivace.orm import binding
from vivace.orm.expressions.aggregates import Max
from vivace.orm.fields.numbers import IntegerField
from vivace.orm.query.queryset import QuerySet
from vivace.orm.registry import registry

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.fields.base import Field


class OrderWrt(IntegerField[int]):
    """A row's place among those of its parent; a new row is the last."""

    def __init__(self) -> None:
        super().__init__(editable=False, name="_order")

    def bind(self, model: type[Model], name: str) -> None:
        super().bind(model, "_order")

    def get_default(self) -> Any:
        """None: the place is found when the row is saved."""
        return None

    async def before_save(self, instance: Any, named: Sequence[Field[Any]] | None, database: Database) -> None:
        """Finds the place of a new row."""
        if instance._order is None:
            rows = _siblings(instance, database).order_by("-_order").values_list("_order", flat=True)
            last = await rows.first()
            instance._order = 0 if last is None else last + 1

    async def before_bulk_create(self, objects: Sequence[Any], database: Database) -> None:
        """Finds the places of new rows: behind those that their parents have, in the order of the list."""
        new = [each for each in objects if each._order is None]
        if not new:
            return
        parent = self.model._meta.forward[str(self.model._meta.order_with_respect_to)].attname
        parents = {getattr(each, parent) for each in new} - {None}
        rows: QuerySet[Any] = QuerySet(self.model).using(database).filter(**{f"{parent}__in": list(parents)})
        last = dict(await rows.order_by().values_list(parent).annotate(last=Max("_order")))
        for each in new:
            place = last.get(getattr(each, parent))
            last[getattr(each, parent)] = each._order = 0 if place is None else place + 1


def _siblings(instance: Model, database: Database | None) -> QuerySet[Any]:
    meta = instance._meta
    parent = meta.forward[str(meta.order_with_respect_to)]
    rows: QuerySet[Any] = QuerySet(meta.model)
    if database is not None:
        rows = rows.using(database)
    return rows.filter(**{parent.attname: getattr(instance, parent.attname)})


def add_order(model: type[Model]) -> None:
    """Gives a model its `_order`, the methods that ask for neighbours, and its parent those for the whole order."""
    meta = model._meta
    field = OrderWrt()
    field.bind(model, "_order")
    meta.add_field(field)
    meta.ordering = ("_order",)
    type.__setattr__(model, "get_next_in_order", _neighbour("gt", "_order"))
    type.__setattr__(model, "get_previous_in_order", _neighbour("lt", "-_order"))


def give_parent_methods(model: type[Model]) -> None:
    """`get_answer_order` and `set_answer_order` of a question, once the question's model exists."""
    meta = model._meta
    parent: Any = meta.forward[str(meta.order_with_respect_to)]

    def give(target: type[Model]) -> None:
        type.__setattr__(target, f"get_{meta.model_name}_order", _get_order(model, parent))
        type.__setattr__(target, f"set_{meta.model_name}_order", _set_order(model, parent))

    registry.when_ready(parent._target_key(), give)


def _neighbour(comparison: str, order: str) -> Any:
    async def neighbour(self: Any) -> Any:
        """The row beside this one in the order. Raises DoesNotExist when it is the last."""
        database = None if self._origin is None else self._origin.database
        rows = _siblings(self, database).filter(**{f"_order__{comparison}": self._order})
        return await rows.order_by(order)[:1].get()

    return neighbour


def _get_order(model: type[Model], parent: Any) -> Any:
    async def get_order(self: Any) -> list[Any]:
        """The keys of the rows in their order."""
        rows: QuerySet[Any] = QuerySet(model).filter(**{parent.name: self}).order_by("_order")
        return await rows.values_list("pk", flat=True)

    return get_order


def _set_order(model: type[Model], parent: Any) -> Any:
    async def set_order(self: Any, id_list: Iterable[Any], using: Database | None = None) -> None:
        """Puts the rows into the order of these keys."""
        database = binding.resolve(using)
        rows: QuerySet[Any] = QuerySet(model).using(database).filter(**{parent.name: self})
        found = await rows.in_bulk(list(id_list))
        changed = []
        for place, key in enumerate(id_list):
            if key in found:
                found[key]._order = place
                changed.append(found[key])
        await QuerySet(model).using(database).bulk_update(changed, ["_order"])

    return set_order
