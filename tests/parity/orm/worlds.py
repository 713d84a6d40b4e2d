"""Running one text of Python in both worlds, and making what comes out comparable."""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import uuid
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from tests.parity.orm import ours

from vivace.databases import Database
from vivace.orm import functions, lookups, models, using
from vivace.orm.contenttypes import ContentType


class Worlds:
    """The names that expressions use in Vivace and in Django, and the database with the shop."""

    def __init__(self, kind: str, runner: asyncio.Runner, database: Database, django: SimpleNamespace) -> None:
        from django.db import models as django_models
        from django.db.models import functions as django_functions
        from django.db.models import lookups as django_lookups
        from django.db.models.expressions import RawSQL
        from django.db.models.fields.json import KT

        self.kind, self.runner, self.database = kind, runner, database
        common = {"KIND": kind, "dt": dt, "Decimal": Decimal, "uuid": uuid, "zoneinfo": zoneinfo}
        shop = {model.__name__: model for model in (*ours.MODELS, *ours.PROXIES, ContentType)}
        self.ours = vars(models) | vars(functions) | vars(lookups) | shop | common
        self.theirs = vars(django_models) | vars(django_functions) | vars(django_lookups)
        self.theirs |= {"KT": KT, "RawSQL": RawSQL} | vars(django) | common
        self.last = runner.run(self._last_keys())
        # Both remember content types, of other databases of the same name, too.
        ContentType.objects.clear_cache()
        django.ContentType.objects.clear_cache()
        # In async code Django can only remember them.
        django.ContentType.objects.get_for_models(*(self.theirs[name] for name in self.last if name != "book_tags"))
        django.ContentType.objects.get_for_models(django.Starred, django.Annotated, for_concrete_models=False)

    async def _last_keys(self) -> dict[str, int]:
        with using(self.database):
            tables = _tables(self.ours)
            return {name: (await model.objects.latest("pk")).pk for name, model in tables.items()}

    def close(self) -> None:
        """Ends Django's connection."""
        from django.db import connections

        connections[self.kind].close()
        del connections[self.kind]  # the next module's database has another name

    def expected(self, expression: str) -> Any:
        """Django's result, comparable."""
        return _answer(lambda: comparable(eval(expression, dict(self.theirs))))

    def found(self, expression: str) -> Any:
        """Vivace's result, comparable."""

        async def run() -> Any:
            with using(self.database):
                result = eval(expression, dict(self.ours))
                return comparable(await result if inspect.isawaitable(result) else result)

        return _answer(lambda: self.runner.run(run()))

    def rows_and_core_rows(self, expression: str) -> tuple[Any, Any] | None:
        """The rows of a queryset as tuples, and those of its SQLAlchemy statement; None for other questions."""
        return self.runner.run(self._rows_and_core_rows(expression))

    async def _rows_and_core_rows(self, expression: str) -> tuple[Any, Any] | None:
        with using(self.database):
            try:
                asked = eval(expression, dict(self.ours))
                rows = await asked if inspect.isawaitable(asked) else []
            except Exception:  # noqa: BLE001 - a question that fails has no rows
                return None
            if not isinstance(asked, models.QuerySet):
                return None
            found = [list(row) for row in await self.database.fetch_all(asked.to_core())]
        expected = [[row] if "flat=True" in expression else _as_list(row) for row in rows]
        # Of instances their own fields, which come first.
        return comparable(expected), comparable([row[: len(expected[0])] for row in found])

    def is_ambiguous(self, expression: str) -> bool:
        """Whether a queryset leaves the order of its rows, or which rows a slice has, to the database.

        Rows that tie come in the same order when the queryset is reversed.
        """
        from django.db.models import QuerySet

        try:
            rows = eval(expression, dict(self.theirs))
            if not isinstance(rows, QuerySet) or rows.query.distinct_fields:
                return False
            if rows.query.is_sliced:
                return not rows.ordered and bool(comparable(rows))
            return bool(comparable(rows.reverse())[::-1] != comparable(rows))
        except Exception:  # noqa: BLE001 - any error is an answer, and always the same
            return False

    def written_by_django(self, program: str) -> Any:
        """What a program that writes gives in Django, and all rows afterwards; nothing of it stays."""
        from asgiref.sync import async_to_sync
        from django.db import transaction

        with transaction.atomic(using=self.kind):
            result = async_to_sync(_run)(program, dict(self.theirs), self.last)
            transaction.set_rollback(True, using=self.kind)
        return result

    def written_by_vivace(self, program: str) -> Any:
        """The same in Vivace."""

        async def run() -> Any:
            transaction = await self.database.transaction().start()
            try:
                return await _run(program, dict(self.ours), self.last)
            finally:
                await transaction.rollback()

        return self.runner.run(run())


def _answer(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - any error is an answer to compare
        return Failed(error)


def _as_list(row: Any) -> list[Any]:
    if isinstance(row, models.Model):
        return [vars(row)[field.attname] for field in row._meta.concrete_fields if field.attname in vars(row)]
    if isinstance(row, dict):
        return list(row.values())
    return list(row) if isinstance(row, tuple) else [row]


class Failed:
    """That a text did not run. Django's is equal to ours when ours can be caught as it, or both are the database's."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Failed) and bool(self._names & other._names)

    def __hash__(self) -> int:
        return hash(Failed)

    @property
    def _names(self) -> set[str]:
        names = {kind.__name__ for kind in type(self.error).__mro__} - {"Exception", "BaseException", "object"}
        names -= {"Error", "VivaceError"}
        # Drivers do not agree which of these a failure is.
        return names | {"DatabaseError"} if names & {"DataError", "IntegrityError", "OperationalError"} else names

    def __repr__(self) -> str:
        return f"does not run: {type(self.error).__name__}: {self.error}"


async def _run(program: str, names: dict[str, Any], last: dict[str, int]) -> Any:
    """The program's result, or how it failed, and all rows. `last` has the tables' last keys before."""
    *before, result = program.strip().splitlines()
    source = "\n".join(["async def program():", *(f"    {line}" for line in before), f"    return {result}"])
    exec(source, names)
    try:
        answer: Any = _renumbered(comparable(await names["program"]()), last)
    except Exception as error:  # noqa: BLE001 - any error is an answer to compare
        return Failed(error)
    rows = {}
    for name, model in _tables(names).items():
        rows[name] = [comparable(row) async for row in model.objects.order_by("pk").values()]
    rows["book_tags"].sort(key=lambda row: (row["book_id"], row["tag_id"]))
    keys = {name: [row["id"] for row in found] for name, found in rows.items()}
    new = {name: {key: f"new {n}" for n, key in enumerate(k for k in keys[name] if k > last[name])} for name in rows}
    return answer, {name: [_with_new_keys(name, row, new) for row in found] for name, found in rows.items()}


def _tables(names: dict[str, Any]) -> dict[str, Any]:
    return {model.__name__: names[model.__name__] for model in ours.MODELS} | {"book_tags": names["Book"].tags.through}


# Sequences do not go back with a rollback: keys of new rows are compared by their order.
_REFERS = {"author_id": "Author", "editor_id": "Author", "book_id": "Book", "tag_id": "Tag", "store_id": "Store"}
_REFERS |= {"place_ptr_id": "Place", "restaurant_ptr_id": "Place", "near_id": "Place"}
_IN_TABLE_OF = {"Restaurant": "Place", "Pizzeria": "Place", "Bar": "Place"}


def _with_new_keys(table: str, row: dict[str, Any], new: dict[str, dict[int, str]]) -> dict[str, Any]:
    refers = _REFERS | {"id": _IN_TABLE_OF.get(table, table), "parent_id": "Category"}
    return {
        name: new[refers[name]].get(value, value) if name in refers else value
        for name, value in row.items()
        if (table, name) != ("book_tags", "id")
    }


def _renumbered(value: Any, last: dict[str, int]) -> Any:
    if isinstance(value, tuple) and len(value) == 2 and value[0] in last:
        return (value[0], value[1] if value[1] is None or value[1] <= last[value[0]] else "new")
    if isinstance(value, list):
        return [_renumbered(each, last) for each in value]
    return value


def comparable(value: Any) -> Any:
    """Instances as their keys, querysets as lists; floats and decimals to nine digits."""
    if hasattr(value, "_meta"):
        return (type(value).__name__, value.pk)
    if isinstance(value, float | Decimal):
        return f"{float(value):.9g}"
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, str | bytes | int | type(None) | dt.date | dt.time | dt.timedelta | uuid.UUID):
        return value
    return [comparable(item) for item in value]
