"""`book.get_next_by_published()`: the rows before and after one, in the order of a date."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from vivace.orm.expressions.conditions import Q

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.fields.base import Field

Neighbour = Callable[..., Awaitable[Any]]


def neighbour_by(field: Field[Any], *, is_next: bool) -> Neighbour:
    """The method `get_next_by_FOO` or `get_previous_by_FOO` of models with this date or datetime."""
    direction, comparison = ("", "gt") if is_next else ("-", "lt")

    async def neighbour(self: Model, **lookups: Any) -> Any:
        if self.pk is None:
            raise ValueError("get_next/get_previous cannot be used on unsaved objects.")
        value = getattr(self, field.attname)
        # Rows of the same moment follow each other by key.
        beyond = Q(**{f"{field.name}__{comparison}": value}) | Q(**{field.name: value, f"pk__{comparison}": self.pk})
        rows = self._meta.default_manager.using(self._state.db)
        found = (
            await rows.filter(**lookups).filter(beyond).order_by(f"{direction}{field.name}", f"{direction}pk").first()
        )
        if found is None:
            raise self.DoesNotExist(f"{self._meta.object_name} matching query does not exist.")
        return found

    which = "next" if is_next else "previous"
    neighbour.__name__ = neighbour.__qualname__ = f"get_{which}_by_{field.name}"
    neighbour.__doc__ = f"The {which} object by `{field.name}`, of those that the lookups select. Raises DoesNotExist."
    return neighbour
