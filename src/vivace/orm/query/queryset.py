"""`QuerySet`: an immutable description of rows, awaited to get them.

It is put together from `state` (what it holds), `chaining` (methods that give another queryset), `fetching` (methods
that read) and, here, those that write.
"""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from vivace.orm import binding
from vivace.orm.query import cache, multitable, upsert
from vivace.orm.query.bulk_create import bulk_create
from vivace.orm.query.bulk_update import bulk_update
from vivace.orm.query.changes import freeze_assigned
from vivace.orm.query.deletion import delete_queryset
from vivace.orm.query.fetching import FetchedQuery
from vivace.orm.query.returning import Change, delete_returning, update_returning, update_tables_returning

if TYPE_CHECKING:
    from vivace.orm.base import Model

M = TypeVar("M", covariant=True)


class QuerySet(FetchedQuery[M]):
    """Rows of a model, not fetched until awaited. Every method returns a new queryset or must be awaited itself."""

    __slots__ = ()

    manager_class: ClassVar[Any]
    """`Manager`; set by `vivace.orm.manager`, which imports this module."""

    async def create(self, **values: Any) -> M:
        """A new row, saved."""
        instance: Any = self.model(**values)
        await instance.save(force_insert=True, using=self._database)
        return instance  # type: ignore[no-any-return]

    async def get_or_create(self, defaults: Mapping[str, Any] | None = None, **lookups: Any) -> tuple[M, bool]:
        """The row that matches, or a new one of the lookups and `defaults`; and whether it is new."""
        return await upsert.get_or_create(self, defaults or {}, lookups, self._creates_plainly)

    @property
    def _creates_plainly(self) -> bool:
        return type(self).create is QuerySet.create

    async def update_or_create(
        self,
        defaults: Mapping[str, Any] | None = None,
        create_defaults: Mapping[str, Any] | None = None,
        **lookups: Any,
    ) -> tuple[M, bool]:
        """The row that matches, updated by `defaults`, or a new one; and whether it is new."""
        return await upsert.update_or_create(self, defaults or {}, create_defaults, lookups, self._creates_plainly)

    async def upsert(
        self,
        obj: M,  # type: ignore[misc]  # covariant, as in a list that is only read
        *,
        unique_fields: Collection[str] | None = None,
        update_fields: Collection[str] | None = None,
    ) -> M:
        """Inserts the object, or updates the row that has its values in `unique_fields`, by one statement.

        `update_fields` are all others by default. The object then holds the row. MySQL and MariaDB take any unique
        value for a conflict: there, leave out `unique_fields`. Beyond Django.
        """
        return await upsert.upsert(self, obj, unique_fields, update_fields)  # type: ignore[no-any-return]

    async def bulk_create(
        self,
        objs: Iterable[Model],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[M]:
        """Inserts many objects in few statements; keys are filled in unless conflicts are ignored."""
        return await bulk_create(
            self,
            list(objs),
            batch_size=batch_size,
            ignore_conflicts=ignore_conflicts,
            update_conflicts=update_conflicts,
            update_fields=update_fields,
            unique_fields=unique_fields,
        )

    async def bulk_update(self, objs: Iterable[Model], fields: Collection[str], batch_size: int | None = None) -> int:
        """Writes these fields of many objects; returns how many rows were there."""
        return await bulk_update(self, list(objs), fields, batch_size)

    def update(self, **values: Any) -> Change[int, M]:
        """Sets columns of all rows; awaited, returns how many rows matched.

        `await rows.update(…).returning("pages")` gives the rows instead.
        """

        def returning(fields: Sequence[str]) -> Coroutine[Any, Any, list[M]]:
            self._refuse_slice("update")
            if self.model._meta.links:
                return update_tables_returning(self, values, fields)
            bound: list[Any] = []
            assignments = tuple((name, freeze_assigned(value, bound)) for name, value in values.items())
            return update_returning(self, assignments, bound, fields)

        return Change(self._update(values), returning)

    async def _update(self, values: Mapping[str, Any]) -> int:
        self._refuse_slice("update")
        if not values or self._is_none:
            return 0
        if self.model._meta.links:
            return await multitable.update(self, values)
        bound: list[Any] = []
        frozen = tuple((name, freeze_assigned(value, bound)) for name, value in values.items())
        database = binding.resolve(self._database, self.model, write=True)
        shape, given = (*self._shape, ("update", frozen)), (*self._values, *bound)
        plan, arguments, _ = cache.shapes.bound(self.model, shape, given, database.dialect)
        return await database.execute_plan(plan, arguments)

    def delete(self) -> Change[tuple[int, dict[str, int]], M]:
        """Deletes all rows and what hangs on them by `on_delete`; awaited, returns how many, in all and by model.

        `await rows.delete().returning()` gives the rows as they were instead.
        """

        def returning(fields: Sequence[str]) -> Coroutine[Any, Any, list[M]]:
            self._check_can_delete()
            return delete_returning(self, fields)

        return Change(self._delete(), returning)

    async def _delete(self) -> tuple[int, dict[str, int]]:
        self._check_can_delete()
        return (0, {}) if self._is_none else await delete_queryset(self, QuerySet)

    def _check_can_delete(self) -> None:
        self._refuse_slice("delete")
        if self._has_values:
            raise TypeError("Cannot call delete() after .values() or .values_list()")
        if any(operation[0] == "distinct" and operation[1] for operation in self._shape):
            raise TypeError("Cannot call delete() after .distinct(*fields).")

    # Django's names for the same, so that code moves without a change

    acreate, aget_or_create, aupdate_or_create, aupsert = create, get_or_create, update_or_create, upsert
    abulk_create, abulk_update, aupdate, adelete = bulk_create, bulk_update, update, delete

    @classmethod
    def as_manager(cls) -> Any:
        """A manager with this queryset's methods: `objects = BookQuerySet.as_manager()`."""
        return cls.manager_class.from_queryset(cls)()
