"""The shape cache: compiled statements by model, dialect and shape, bounded whatever the variety of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Dialect

from vivace.databases import Plan
from vivace.orm.expressions.binds import NotEnoughRoom, Room
from vivace.orm.expressions.conditions import Shape
from vivace.orm.fields import registering
from vivace.orm.query.compiled import Compiled
from vivace.orm.query.compiler import compile_shape
from vivace.orm.query.composing import compose
from vivace.orm.query.hydrate import Decode

if TYPE_CHECKING:
    from vivace.orm.base import Model

Key = tuple["type[Model]", str, Room | None, Shape]


class ShapeCache:
    """Keeps the statements used last: between `size` and twice as many.

    Two generations make it cheap: a hit in the young one is a single dict look-up; when that is full it becomes the old
    one, from which only what is used again comes back.
    """

    def __init__(self, size: int = 2048) -> None:
        if size < 1:
            raise ValueError(f"A shape cache holds at least one statement, got size={size}")
        self.size = size
        self.hits_old = self.misses = 0
        self._young: dict[Key, Compiled] = {}
        self._old: dict[Key, Compiled] = {}

    def bound(
        self, model: type[Model], shape: Shape, values: Sequence[Any], dialect: Dialect
    ) -> tuple[Plan, Sequence[Any], Decode]:
        """What to run for a shape and its values: the plan, the driver's arguments, and how its rows are read."""
        compiled = self.get(model, shape, dialect)
        try:
            return compiled.plan, compiled.bind(values), compiled.decode
        except (OverflowError, NotEnoughRoom) as error:
            return self._bound_with_more_room(model, shape, values, dialect, error)

    def _bound_with_more_room(
        self, model: type[Model], shape: Shape, values: Sequence[Any], dialect: Dialect, error: Exception
    ) -> tuple[Plan, Sequence[Any], Decode]:
        room = Room()
        while True:
            if isinstance(error, NotEnoughRoom):
                room = replace(room, lists=error.needed)
            elif room.wide:
                raise error
            else:
                room = replace(room, wide=True)
            compiled = self.get(model, shape, dialect, room)
            try:
                return compiled.plan, compiled.bind(values), compiled.decode
            except (OverflowError, NotEnoughRoom) as another:
                error = another

    def get(self, model: type[Model], shape: Shape, dialect: Dialect, room: Room | None = None) -> Compiled:
        """The compiled statement, made now if it is not known."""
        # Not the name, which MySQL and MariaDB share.
        key = (model, dialect.driver, room, shape)
        try:
            return self._young[key]
        except KeyError:
            pass
        except TypeError:
            # Something in the shape has no hash, such as an unusual output field; it can still be compiled.
            return compile_shape(model, shape, dialect, room=room)
        compiled = self._old.get(key)
        if compiled is None:
            self.misses += 1
            compiled = compose(model, shape, dialect) if room is None else None
            compiled = compiled or compile_shape(model, shape, dialect, room=room)
        else:
            self.hits_old += 1
        if len(self._young) >= self.size:
            self._old, self._young = self._young, {}
        self._young[key] = compiled
        return compiled

    def by_plan(self) -> dict[Plan, tuple[type[Model], Shape]]:
        """Which model and shape each statement is of."""
        return {
            compiled.plan: (model, shape)
            for generation in (self._old, self._young)
            for (model, _, _, shape), compiled in generation.items()
        }

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def clear(self) -> None:
        """Forgets everything."""
        self._young, self._old = {}, {}


shapes = ShapeCache()
"""The one cache of this process."""
registering.on_change.append(shapes.clear)
