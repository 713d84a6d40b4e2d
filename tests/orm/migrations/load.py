"""A release of an application at work: `python load.py URL old|new` sends requests to a database until told to stop.

It prints a line after every few requests, and at the end, when its standard input is closed, what failed.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from typing import Any

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.transactions import atomic

ROWS = 20_000
CLIENTS = 3


def old_release() -> Any:
    """The model of the release that runs before the migrations, and long after."""

    class Note(models.Model):
        title = models.CharField(max_length=100)
        body = models.TextField(null=True)
        stars = models.IntegerField(null=True)

        class Meta:
            app_label = "blog"

    return Note


def new_release() -> Any:
    """The model of the release that the migrations are made for."""

    class Author(models.Model):
        name = models.CharField(max_length=80)

        class Meta:
            app_label = "blog"

    class Note(models.Model):
        title = models.CharField(max_length=200)
        body = models.TextField()
        stars = models.IntegerField(default=0)
        slug = models.CharField(max_length=20, null=True)
        rank = models.IntegerField(db_default=7)
        author = models.ForeignKey(Author, models.DO_NOTHING, null=True)

        class Meta:
            app_label = "blog"

    return Note


async def read(note: Any, chance: random.Random) -> None:
    """A page of one note."""
    assert await note.objects.filter(pk=chance.randint(1, ROWS)).first() is not None


async def read_many(note: Any, chance: random.Random) -> None:
    """A page of twenty notes."""
    start = chance.randint(1, ROWS - 20)
    assert len([each.title async for each in note.objects.filter(pk__gte=start, pk__lt=start + 20)]) == 20


async def add(note: Any, chance: random.Random) -> None:
    """A form that makes a note."""
    await note.objects.create(title=f"new {chance.random()}", body="text", stars=1)


@atomic(retries=3)
async def change(note: Any, chance: random.Random) -> None:
    """A form that changes a note, in a transaction."""
    found = await note.objects.get(pk=chance.randint(1, ROWS))
    found.body = f"changed {chance.random()}"
    await found.save(update_fields=["body"])


class Clients:
    """Users that send one request after the other."""

    def __init__(self, note: Any) -> None:
        self.note = note
        self.failures: list[str] = []

    async def work(self, number: int) -> None:
        """Send requests until cancelled."""
        chance = random.Random(number)
        while True:
            for request in chance.sample([read, read_many, add, change], 4):
                try:
                    await request(self.note, chance)
                except Exception as error:  # noqa: BLE001 (whatever a user would see)
                    self.failures.append(f"{request.__name__}: {type(error).__name__}: {error}")
            print("some", flush=True)


async def main(url: str, release: str) -> None:
    """Work until standard input is closed."""
    clients = Clients(old_release() if release == "old" else new_release())
    async with Database(url):
        tasks = [asyncio.create_task(clients.work(number)) for number in range(CLIENTS)]
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(clients.failures), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
