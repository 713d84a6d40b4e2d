"""`loaddata`: fixtures into a database."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vivace.databases.errors import DatabaseError
from vivace.orm.registry import registry
from vivace.orm.serializers.batches import Batch
from vivace.orm.serializers.building import DeserializedObject, build
from vivace.orm.serializers.errors import DeserializationError
from vivace.orm.serializers.fixture_files import find_fixtures
from vivace.orm.serializers.references import LateChecks, reset_sequences
from vivace.orm.serializers.text import records_of

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

__all__ = ["Fixture", "Loaded", "find_fixtures", "load"]


# A file that is damaged, or not compressed as its name says.
_UNREADABLE = (OSError, EOFError, UnicodeError, lzma.LZMAError, zlib.error)


@dataclass(frozen=True)
class Fixture:
    """A text to load: what it is called in messages, its format, and where it is read from."""

    name: str
    format: str
    source: Any


@dataclass
class Loaded:
    """How many records there were, and how many of them were installed."""

    found: int = 0
    installed: int = 0


async def load(
    database: Database,
    fixtures: Iterable[Fixture],
    *,
    ignorenonexistent: bool = False,
    exclude: Collection[type[Model]] = (),
    models: Collection[type[Model]] | None = None,
) -> Loaded:
    """Installs fixtures in one transaction: all rows, or none.

    A row takes the place of one with its key. Rows may come before what they refer to: foreign keys are checked at the
    end. Models in `exclude`, and when `models` is given all others than those, are passed over. Raises
    DeserializationError, and IntegrityError for rows that do not fit, with the fixture's name.
    """
    loading = _Loading(database, ignorenonexistent, frozenset(exclude), None if models is None else frozenset(models))
    checks = loading.checks
    # A connection's setting, so it is the transaction's connection.
    async with database.atomic():
        await checks.begin()
        try:
            for fixture in fixtures:
                try:
                    await loading.install(fixture)
                except (DeserializationError, DatabaseError, *_UNREADABLE) as error:
                    raise _with_name(error, fixture) from error
            await loading.finish()
            await checks.check()
            await reset_sequences(database, list(loading.models))
        finally:
            await checks.end()
    return loading.loaded


def _with_name(error: Exception, fixture: Fixture) -> Exception:
    message = f'Problem installing fixture "{fixture.name}": {error}'
    if isinstance(error, _UNREADABLE):
        return DeserializationError(message)
    return type(error)(message)


class _Loading:
    def __init__(
        self,
        database: Database,
        ignorenonexistent: bool,
        exclude: frozenset[type[Model]],
        models: frozenset[type[Model]] | None,
    ) -> None:
        self.database, self.ignorenonexistent, self.exclude, self.only = database, ignorenonexistent, exclude, models
        self.checks = LateChecks(database)
        self.loaded = Loaded()
        self.models: dict[type[Model], None] = {}
        self.deferred: list[DeserializedObject] = []
        self.batch = Batch(database)

    async def install(self, fixture: Fixture) -> None:
        before = self.loaded.found
        for record in records_of(fixture.format, fixture.source):
            self.loaded.found += 1
            if self._is_left_out(record):
                continue
            if _has_natural_keys(record):
                # Which may be those of rows that are not written yet.
                await self.batch.flush()
            found = await build(
                record,
                using=self.database,
                ignorenonexistent=self.ignorenonexistent,
                handle_forward_references=True,
            )
            if found is not None:
                await self._take(found)
        await self.batch.flush()
        if self.loaded.found == before:
            raise DeserializationError("there is nothing in it.")

    async def _take(self, found: DeserializedObject) -> None:
        model = found.object._meta.concrete_model
        if model not in self.models:
            self.models[model] = None
            await self.batch.flush()
            await self.checks.expect(model)
        self.loaded.installed += 1
        if found.deferred_fields:
            self.deferred.append(found)
        else:
            await self.batch.add(found)

    async def finish(self) -> None:
        for found in self.deferred:
            await found.save_deferred_fields(using=self.database)

    def _is_left_out(self, record: Any) -> bool:
        if not isinstance(record, dict) or not (self.exclude or self.only is not None):
            return False
        try:
            model = registry.get_model(str(record.get("model")))
        except LookupError:
            return False
        return model in self.exclude or (self.only is not None and model not in self.only)


def _has_natural_keys(record: Any) -> bool:
    if not isinstance(record, dict):
        return False
    fields: Any = record.get("fields")
    values: Sequence[Any] = list(fields.values()) if isinstance(fields, dict) else []
    return record.get("pk") is None or any(isinstance(value, list) for value in values)
