"""The shape cache: compiled statements by model, dialect and shape, bounded whatever the variety of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Dialect

from vivace.orm.query.compiler import Compiled, compile_shape
from vivace.orm.query.conditions import Shape

if TYPE_CHECKING:
    from vivace.orm.base import Model

Key = tuple["type[Model]", str, Shape]


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

    def get(self, model: type[Model], shape: Shape, dialect: Dialect) -> Compiled:
        """The compiled statement, made now if it is not known."""
        key = (model, dialect.name, shape)
        try:
            return self._young[key]
        except KeyError:
            pass
        except TypeError:
            # Something in the shape has no hash, such as an unusual output field; it can still be compiled.
            return compile_shape(model, shape, dialect)
        compiled = self._old.get(key)
        if compiled is None:
            self.misses += 1
            compiled = compile_shape(model, shape, dialect)
        else:
            self.hits_old += 1
        if len(self._young) >= self.size:
            self._old, self._young = self._young, {}
        self._young[key] = compiled
        return compiled

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def clear(self) -> None:
        """Forgets everything."""
        self._young, self._old = {}, {}


shapes = ShapeCache()
"""The one cache of this process."""
