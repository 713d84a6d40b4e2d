"""Running one text of Python in both worlds, and making what comes out comparable."""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import textwrap
import uuid
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from tests.parity.orm import ours

from vivace.databases import Database
from vivace.orm import functions, models, using


class Worlds:
    """The names that expressions use in Vivace and in Django, and the database with the shop."""

    def __init__(self, kind: str, runner: asyncio.Runner, database: Database, django: SimpleNamespace) -> None:
        from django.db import models as django_models
        from django.db.models import functions as django_functions

        self.kind, self.runner, self.database = kind, runner, database
        common = {"dt": dt, "Decimal": Decimal, "uuid": uuid}
        shop = {model.__name__: model for model in ours.MODELS}
        self.ours = vars(models) | vars(functions) | shop | common
        self.theirs = vars(django_models) | vars(django_functions) | vars(django) | common

    def close(self) -> None:
        """Ends Django's connection."""
        from django.db import connections

        connections[self.kind].close()

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

    def written_by_django(self, program: str) -> Any:
        """What a program that writes gives in Django, and all rows afterwards; nothing of it stays."""
        from asgiref.sync import async_to_sync
        from django.db import transaction

        with transaction.atomic(using=self.kind):
            result = _answer(lambda: async_to_sync(_run)(program, dict(self.theirs)))
            transaction.set_rollback(True, using=self.kind)
        return result

    def written_by_vivace(self, program: str) -> Any:
        """The same in Vivace."""

        async def run() -> Any:
            transaction = await self.database.transaction().start()
            try:
                return await _run(program, dict(self.ours))
            finally:
                await transaction.rollback()

        return _answer(lambda: self.runner.run(run()))


def _answer(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - any error is an answer to compare
        return Failed(error)


class Failed:
    """That a text did not run. Two are equal when the errors are of one name, or both of the database."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Failed) and self._kind == other._kind

    def __hash__(self) -> int:
        return hash(self._kind)

    @property
    def _kind(self) -> str:
        # Drivers do not agree which of these a failure is.
        name = type(self.error).__name__
        return "DatabaseError" if name in ("DataError", "IntegrityError", "OperationalError") else name

    def __repr__(self) -> str:
        return f"does not run: {type(self.error).__name__}: {self.error}"


async def _run(program: str, names: dict[str, Any]) -> Any:
    """The program's `result`, and all rows."""
    lines = program.strip().splitlines()
    *before, last = lines
    source = "\n".join(["async def program():", *(f"    {line}" for line in before), f"    return {last}"])
    exec(textwrap.dedent(source), names)
    result = await names["program"]()
    tables = [names[model.__name__] for model in ours.MODELS]
    tables += [names["Book"].tags.through]
    rows = {}
    for model in tables:
        rows[model.__name__] = [row async for row in model.objects.order_by("pk").values()]
    return _renumbered(comparable(result)), {name: _renumbered(comparable(found)) for name, found in rows.items()}


FIRST_NEW = 31
"""Keys from here on may be new: sequences do not go back with a rollback."""


def _renumbered(value: Any) -> Any:
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
