"""What type checkers must infer from models, with no plugin, and which mistakes they must refuse.

Every mistake carries the `type: ignore` of the error it must give; an unused one is an error itself, so this file
passes `mypy --strict` only if all of it holds.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any, assert_type

from vivace.orm import models
from vivace.orm.expressions.conditions import Q


class Author(models.Model):
    name = models.CharField(max_length=100)
    age = models.IntegerField(null=True)
    notes: models.RelatedManager[Note]


class Tag(models.Model):
    name = models.SlugField(unique=True)


class Note(models.Model):
    title = models.CharField(max_length=100)
    subtitle = models.CharField(max_length=100, null=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="notes")
    editor = models.ForeignKey(Author, on_delete=models.SET_NULL, null=True, related_name="edited")
    parent: models.ForeignKey[Note | None] = models.ForeignKey("Note", models.CASCADE, null=True)
    created = models.DateTimeField(auto_now_add=True)
    day = models.DateField(null=True)
    price = models.DecimalField(max_digits=5, decimal_places=2)
    done = models.BooleanField(default=False)
    size = models.BigIntegerField(default=0)
    url = models.URLField(null=True)
    length = models.DurationField()
    tags = models.ManyToManyField(Tag)
    data = models.JSONField(default=dict)
    author_id: int


class PostManager(models.Manager["Post"]):
    async def published(self) -> list[Post]:
        return await self.filter(title__startswith="x")


class Post(models.Model):
    id = models.UUIDField(primary_key=True)
    title = models.CharField(max_length=3)
    objects = PostManager()


class Strict(models.StrictModel):
    title: models.CharField[str] = models.CharField(max_length=100)
    number: models.IntegerField[int] = models.IntegerField(default=0)


async def fields() -> None:
    note = await Note.objects.select_related("author").get(id=1)
    assert_type(note, Note)
    assert_type(note.title, str)
    assert_type(note.subtitle, str | None)
    assert_type(note.created, dt.datetime)
    assert_type(note.day, dt.date | None)
    assert_type(note.price, decimal.Decimal)
    assert_type(note.done, bool)
    assert_type(note.size, int)
    assert_type(note.url, str | None)
    assert_type(note.length, dt.timedelta)
    assert_type(note.data, Any)
    assert_type(note.author_id, int)
    assert_type((await Post.objects.get(title="x")).id, uuid.UUID)


async def relations() -> None:
    note = await Note.objects.get(id=1)
    assert_type(note.author, Author)
    assert_type(note.author.name, str)
    assert_type(await note.author, Author)
    assert_type(note.editor, Author | None)
    assert_type(note.parent, Note | None)
    assert_type(await note.author.notes.all(), list[Note])
    assert_type(await note.tags.all(), list[Tag])
    assert_type(await note.tags.filter(name="x").first(), Tag | None)
    assert_type(await note.tags.create(name="x"), Tag)


async def querysets() -> None:
    assert_type(Note.objects.filter(title="x"), models.Manager[Note])
    found = await Note.objects.filter(Note.title == "a", author__name="b").order_by("-created")[:10]
    assert_type(found, list[Note])
    async for note in Note.objects.filter(Note.created >= dt.datetime.now(dt.UTC)):
        assert_type(note, Note)
    assert_type(await Note.objects.all()[0], Note)
    assert_type(await Note.objects.first(), Note | None)
    assert_type(await Note.objects.count(), int)
    assert_type(await Note.objects.get_or_create(title="x"), tuple[Note, bool])
    assert_type(await Note.objects.in_bulk([1]), dict[Any, Note])
    assert_type(await Note.objects.bulk_create([]), list[Note])
    assert_type(await Post.objects.published(), list[Post])
    assert_type(await Note.objects.aggregate(models.Count("id")), dict[str, Any])
    assert_type(await Note.objects.all().filter(done=True).exclude(size=1).distinct().reverse(), list[Note])
    assert_type(await Note.objects.filter(done=True).union(Note.objects.filter(size=1)), list[Note])
    assert_type(await Note.objects.select_for_update(skip_locked=True).get(pk=1), Note)
    assert_type(await Note.objects.update_or_create(title="x", defaults={"size": 1}), tuple[Note, bool])
    assert_type(await Note.objects.filter(size=1).update(size=2), int)
    assert_type(await Note.objects.filter(size=1).delete(), tuple[int, dict[str, int]])
    assert_type(await Note.objects.latest("created"), Note)
    assert_type(await Note.objects.exists(), bool)
    async for each in Note.objects.filter(size=1).iterator(chunk_size=10):
        assert_type(each, Note)
    assert_type(await Note.objects.aget(pk=1), Note)
    assert_type(await Note.objects.annotate(n=models.Count("tags")).filter(n__gt=1).first(), Note | None)


async def values() -> None:
    assert_type(await Note.objects.values("title", "size"), list[dict[str, Any]])
    assert_type(await Note.objects.values("title").first(), dict[str, Any] | None)
    assert_type(await Note.objects.values_list("title", "size"), list[tuple[Any, ...]])
    assert_type(await Note.objects.values_list("title", flat=True), list[Any])
    assert_type(await Note.objects.values_list(Note.title, flat=True), list[str])
    assert_type(await Note.objects.values_list(Note.subtitle, flat=True), list[str | None])
    assert_type(await Note.objects.filter(size=1).values_list(Note.title, Note.size), list[tuple[str, int]])
    async for title, size, done in Note.objects.values_list(Note.title, Note.size, Note.done):
        assert_type((title, size, done), tuple[str, int, bool])


def expressions() -> None:
    assert_type(Note.title, models.Column[str])
    assert_type(Note.title == "x", Q)
    assert_type((Note.title == "x") & ~Note.title.contains("y") | (Note.size > 3), Q)
    assert_type(Note.size.in_([1, 2]), Q)
    Note.objects.order_by(Note.title.desc(), "-created")
    Strict(title="a", number=1)


async def mistakes() -> None:
    note = await Note.objects.get(id=1)
    note.title = 3  # type: ignore[assignment]
    note.title = None  # type: ignore[assignment]
    note.author = note  # type: ignore[assignment]
    note.subtitle.upper()  # type: ignore[union-attr]
    note.editor.name  # type: ignore[union-attr]  # noqa: B018
    await note.editor  # type: ignore[misc]
    note.titel  # type: ignore[attr-defined]  # noqa: B018
    Note.titel  # type: ignore[attr-defined]  # noqa: B018
    Note.objects.filter(Note.title == 3)  # type: ignore[arg-type]
    (await Note.objects.values("title"))[0].title  # type: ignore[attr-defined]  # noqa: B018
    (await Note.objects.values_list(Note.title, Note.size))[0][2]  # type: ignore[misc]
    Note.objects.filter(Note.titel == "x")  # type: ignore[attr-defined]
    await Note.objects.get(pk=1).title  # type: ignore[attr-defined]
    Note.objects.filter(Note.size > "x")  # type: ignore[operator]
    Note.size.in_(["x"])  # type: ignore[list-item]
    Strict(title=1)  # type: ignore[arg-type]
    Strict(titel="x")  # type: ignore[call-arg]
    models.CharField(max_length="x")  # type: ignore[call-overload]
    models.CharField(max_lenght=3)  # type: ignore[call-overload]
