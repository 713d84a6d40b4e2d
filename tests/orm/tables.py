"""Tables of a test module's own models."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.exceptions import SchemaWarning
from vivace.orm.schema import creation


@asynccontextmanager
async def tables_of(database: Database, *given: type[models.Model]) -> AsyncIterator[None]:
    """The tables exist inside the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SchemaWarning)
        statements = creation(given, database.dialect)
    for sql in statements:
        await database.execute(sql)
    try:
        yield
    finally:
        for model in reversed(given):
            for many in model._meta.local_many_to_many:
                if many.through._meta.auto_created:
                    await database.execute(f"DROP TABLE {many.through._meta.db_table}")
            await database.execute(f"DROP TABLE {model._meta.db_table}")
