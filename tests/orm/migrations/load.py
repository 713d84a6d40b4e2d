"""Two releases of an application at work on one database, and what they notice of a migration."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.base import Model
from vivace.orm.binding import using
from vivace.orm.transactions import atomic

ROWS = 20_000
_WAITS = """
SELECT extract(epoch FROM clock_timestamp() - l.waitstart) FROM pg_locks AS l
WHERE NOT l.granted AND l.pid <> pg_backend_pid() AND l.waitstart IS NOT NULL
  AND l.pid <> ALL(CAST(:migrating AS integer[]))
"""


class Author(models.Model):
    """What notes get a foreign key to, in the course of the migrations."""

    name = models.CharField(max_length=80)

    class Meta:
        app_label = "load"
        db_table = "blog_author"
        managed = False


class OldNote(models.Model):
    """The release that runs before the migrations, and long after."""

    title = models.CharField(max_length=100)
    body = models.TextField(null=True)
    stars = models.IntegerField(null=True)

    class Meta:
        app_label = "load"
        db_table = "blog_note"
        managed = False


class NewNote(models.Model):
    """The release that is made for what the migrations add."""

    title = models.CharField(max_length=200)
    body = models.TextField()
    stars = models.IntegerField(default=0)
    slug = models.CharField(max_length=20, null=True)
    rank = models.IntegerField(db_default=7)
    author = models.ForeignKey(Author, models.DO_NOTHING, null=True)

    class Meta:
        app_label = "load"
        db_table = "blog_note"
        managed = False


@dataclass
class Load:
    """Clients that send requests without a pause, until they are stopped."""

    database: Database
    releases: list[type[Model]] = field(default_factory=lambda: [OldNote])
    failures: list[str] = field(default_factory=list)
    requests: int = 0
    longest_wait: float = 0.0
    migrating: list[int] = field(default_factory=list)

    @asynccontextmanager
    async def running(self, clients: int = 4) -> AsyncIterator[None]:
        """Inside the block the clients work, and somebody looks at how long they wait for locks."""
        with using(self.database):
            tasks = [asyncio.create_task(self._client(number)) for number in range(clients)]
            tasks.append(asyncio.create_task(self._watch()))
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def some(self, count: int = 40) -> None:
        """Wait until so many more requests have been answered."""
        goal = self.requests + count
        while self.requests < goal and not self.failures:
            await asyncio.sleep(0.005)

    async def _client(self, number: int) -> None:
        chance = random.Random(number)
        while True:
            model: Any = chance.choice(self.releases)
            request = chance.choice([_read, _list, _add, _change])
            try:
                await request(model, chance)
            except Exception as error:  # noqa: BLE001 (whatever a user would see)
                self.failures.append(f"{model.__name__} {request.__name__}: {type(error).__name__}: {error}")
            self.requests += 1

    async def _watch(self) -> None:
        while True:
            for row in await self.database.fetch_all(_WAITS, {"migrating": self.migrating}):
                self.longest_wait = max(self.longest_wait, float(row[0]))
            await asyncio.sleep(0.002)


async def _read(model: Any, chance: random.Random) -> None:
    await model.objects.filter(pk=chance.randint(1, ROWS)).first()


async def _list(model: Any, chance: random.Random) -> None:
    start = chance.randint(1, ROWS)
    assert [note.title async for note in model.objects.filter(pk__gte=start, pk__lt=start + 20).order_by("pk")]


async def _add(model: Any, chance: random.Random) -> None:
    await model.objects.create(title=f"new {chance.random()}", body="text", stars=1)


async def _change(model: Any, chance: random.Random) -> None:
    async with atomic():
        note = await model.objects.filter(pk=chance.randint(1, ROWS)).first()
        note.body = f"changed {chance.random()}"
        await note.save(update_fields=["body"])


Request = Callable[[Any, random.Random], Awaitable[None]]
