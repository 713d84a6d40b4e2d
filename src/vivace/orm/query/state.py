"""What a queryset holds: a shape, its values, a slice, a database; and how copies of it are made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from vivace.orm import binding
from vivace.orm.expressions.conditions import Shape
from vivace.orm.query.prefetch import Prefetch

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

M = TypeVar("M", covariant=True)


class QueryState(Generic[M]):
    """The state of a queryset. It is never changed in place once somebody else has seen it."""

    __slots__ = (
        "_database",
        "_high",
        "_is_none",
        "_known",
        "_low",
        "_prefetch",
        "_result",
        "_shape",
        "_values",
        "model",
    )

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self._shape: Shape = ()
        self._values: tuple[Any, ...] = ()
        self._low = 0
        self._high: int | None = None
        self._database: Database | str | None = None
        self._prefetch: tuple[str | Prefetch, ...] = ()
        self._result: list[Any] | None = None
        self._is_none = False
        self._known: tuple[str, Any] | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # Whoever overrides `get` means `aget` too.
        for name in [name for name in cls.__dict__ if hasattr(cls, f"a{name}")]:
            if f"a{name}" not in cls.__dict__:
                setattr(cls, f"a{name}", cls.__dict__[name])

    def _clone(self) -> Self:
        made = object.__new__(type(self))
        made.model = self.model
        made._shape = self._shape
        made._values = self._values
        made._low = self._low
        made._high = self._high
        made._database = self._database
        made._prefetch = self._prefetch
        made._result = None
        made._is_none = self._is_none
        made._known = self._known
        return made

    def _with(self, operation: Shape, values: Iterable[Any] = ()) -> Self:
        made = self._clone()
        made._shape = (*self._shape, operation)
        if values:
            made._values = (*self._values, *values)
        return made

    def __getstate__(self) -> dict[str, Any]:
        # Connections stay in their process; wherever this is unpickled, the database is chosen anew.
        return {name: getattr(self, name) for name in QueryState.__slots__ if name != "_database"} | {"_database": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    @property
    def db(self) -> Database:
        """The database that the rows come from."""
        return binding.resolve(self._database, self.model)

    @property
    def _write_db(self) -> Database:
        """The database that what is done to the rows goes to."""
        return binding.resolve(self._database, self.model, write=True)

    @property
    def _is_sliced(self) -> bool:
        return self._low > 0 or self._high is not None

    @property
    def _has_values(self) -> bool:
        return any(operation[0] == "values" for operation in self._shape)

    def _refuse_slice(self, what: str) -> None:
        if self._is_sliced:
            raise TypeError(f"Cannot {what} a query once a slice has been taken.")

    # As SQL

    def _full_shape(self) -> tuple[Shape, tuple[Any, ...]]:
        if not self._is_sliced:
            return self._shape, self._values
        limit = () if self._high is None else (self._high - self._low,)
        offset = (self._low,) if self._low else ()
        return (*self._shape, ("slice", bool(limit), bool(offset))), (*self._values, *limit, *offset)

    def freeze(self, values: list[Any]) -> Shape:
        """This queryset as a subquery; see `vivace.orm.expressions.base`."""
        shape, own = self._shape_of_statement()
        values.extend(own)
        return ("queryset", self.model, shape)

    def _shape_of_statement(self) -> tuple[Shape, tuple[Any, ...]]:
        """Shape and values where a statement has to be written even for `none()`, which is never sent itself."""
        shape, values = self._full_shape()
        if self._is_none:
            shape = (*shape, ("where", True, ("Q()", "and", False, (("pk__isnull", "flag", False),))))
        return shape, values

    @property
    def _is_empty(self) -> bool:
        return self._is_none or (self._high is not None and self._high <= self._low)
