"""`VirtualField`: a part of a model that has no column of its own."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


class VirtualField:
    """What a model's body may declare that has no column of its own, and is inherited like a field."""

    name: str
    model: type[Model]
    creation_counter = 0
    relation: Any = None
    """What the name means in lookups, when it means anything there."""
    is_relation = False
    slot: str | None = None
    """The attribute of an instance that holds the one object related by it, when it is related to one."""
    hangs = False
    """Whether what is related by it is deleted with the row."""

    def contribute(self, model: type[Model], name: str) -> None:
        """Becomes a part of `model`; called by the metaclass once the model's columns are known."""
        raise NotImplementedError

    def copied(self) -> Self:
        """An unbound copy, for a model that inherits it."""
        return copy.copy(self)

    async def before_save(self, instances: Sequence[Model], database: Database) -> None:
        """Completes the columns of instances that are about to be written."""
