"""Names, aliases, orderings and values from outside never become SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.orm.library import Author, Book, Everything, Stamped, Tag

from vivace.databases import Database
from vivace.orm import Count, F, Q, Value
from vivace.orm.exceptions import FieldError
from vivace.orm.functions import Concat, Lower
from vivace.orm.models import FilteredRelation, Prefetch, prefetch_related_objects
from vivace.orm.pagination import KeysetPaginator

pytestmark = pytest.mark.anyio

HOSTILE = [
    "x'; DROP TABLE library_tag; --",
    'x"; DROP TABLE library_tag; --',
    "name) OR 1=1 --",
    "name' OR '1'='1",
    "?",
    ":p0",
    "$1",
    "%s",
    "%(p0)s",
    "{}",
    "{v0}",
    "\\",
    "\\'",
    "a/*b*/",
    "name\nOR 1=1",
    "é'ß",
    "__class__",
    "a b",
    "a.b",
    "",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_values_stay_values(text: str, database: Database) -> None:
    await Author.objects.create(name=text)
    await Author.objects.create(name="other")
    assert await Author.objects.filter(name=text).values_list("name", flat=True) == [text]
    assert await Author.objects.filter(name__in=[text]).count() == 1
    if text:
        for lookup in ("contains", "startswith", "endswith", "icontains", "iexact"):
            assert (await Author.objects.filter(**{f"name__{lookup}": text}).get()).name == text
    assert await Author.objects.annotate(v=Value(text)).values_list("v", flat=True) == [text, text]
    assert await Author.objects.filter(name=text).update(name=Concat(Value(text), Value("!"))) == 1
    assert await Author.objects.filter(name=f"{text}!").exists()
    assert await Author.objects.annotate(n=Count("pk", filter=Q(name=text))).filter(n=1).count() == 0
    made = await Everything.objects.create(json={text: text})
    assert (await Everything.objects.get(json={text: text})) == made


@pytest.mark.parametrize("name", HOSTILE)
async def test_names_are_refused_unless_they_are_names(name: str, sqlite: Database) -> None:
    lookups: dict[str, Any] = {name: 1}
    attempts: list[Callable[[], Any]] = [
        lambda: Tag.objects.filter(**{name: 1}),
        lambda: Tag.objects.exclude(**{f"name__{name}": 1}),
        lambda: Tag.objects.filter(Q(**lookups)),
        lambda: Tag.objects.annotate(**{name: F("name")}),
        lambda: Tag.objects.alias(**{name: F("name")}),
        lambda: Tag.objects.values(**{name: F("name")}),
        lambda: Tag.objects.annotate(**{name: FilteredRelation("books")}),
    ]
    for attempt in attempts:
        with pytest.raises((FieldError, ValueError)):
            attempt()
    later: list[Callable[[], Any]] = [
        lambda: Tag.objects.values(name),
        lambda: Tag.objects.values_list(name),
        lambda: Tag.objects.annotate(x=F(name)),
        lambda: Tag.objects.annotate(x=Lower(name)),
        lambda: Tag.objects.filter(name=F(name)),
        lambda: Tag.objects.select_related(name),
        lambda: Tag.objects.only(name),
        lambda: Tag.objects.order_by(F(name)),
        lambda: Tag.objects.annotate(x=FilteredRelation(name)).filter(x__pk=1),
    ]
    for make in later:
        with pytest.raises((FieldError, ValueError)):
            await make()
    if name != "?":
        with pytest.raises(FieldError):
            Tag.objects.order_by(name)
        with pytest.raises(FieldError):
            Tag.objects.order_by(f"-{name}")
    with pytest.raises((FieldError, ValueError)):
        await Tag.objects.aggregate(**{name: Count(name)})
    with pytest.raises((FieldError, TypeError, AttributeError)):
        await Tag.objects.update(**{name: 1})
    assert await Tag.objects.count() == 0


async def test_keys_of_dicts_in_q_cannot_smuggle_a_connector() -> None:
    with pytest.raises(ValueError, match="joins by"):
        Q(title="x", _connector="OR 1=1 --")


async def test_hidden_relations_are_no_help_to_strangers(sqlite: Database) -> None:
    with pytest.raises(FieldError, match="has no field"):
        Book.objects.filter(Book_tags=1)


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_are_refused_by_everything_that_writes(name: str, sqlite: Database) -> None:
    tag = await Tag.objects.create(name="red")
    rows = [Tag(name="red")]
    attempts: list[Callable[[], Any]] = [
        lambda: Tag.objects.bulk_update([tag], [name]),
        lambda: Tag.objects.bulk_create(rows, update_conflicts=True, update_fields=[name], unique_fields=["name"]),
        lambda: Tag.objects.bulk_create(rows, update_conflicts=True, update_fields=["name"], unique_fields=[name]),
        lambda: Tag.objects.upsert(rows[0], unique_fields=[name]),
        lambda: Tag.objects.get_or_create(name="blue", defaults={name: 1}),
        lambda: Tag.objects.update_or_create({name: 1}, create_defaults={name: 2}, name="blue"),
        lambda: tag.save(update_fields=[name]),
        lambda: tag.refresh_from_db(fields=[name]),
        lambda: Tag.objects.update(name=F(name)),
        lambda: Tag.objects.create(name=Concat(F(name), Value("x"))),
    ]
    for attempt in attempts:
        with pytest.raises((FieldError, ValueError)):
            await attempt()
    assert await Tag.objects.values_list("name", flat=True) == ["red"]


@pytest.mark.parametrize("value", HOSTILE)
async def test_hostile_values_are_written_as_they_are(value: str, database: Database) -> None:
    made = [
        await Author.objects.create(name=value),
        await Author.objects.create(name=Concat(Value(value), Value(""))),
        *await Author.objects.bulk_create([Author(name=value)]),
    ]
    for author in made:
        author.name = "x"
    await Author.objects.bulk_update(made, ["name"])
    for author in made:
        author.name = value
    await made[0].save()
    await Author.objects.bulk_update(made[1:], ["name"])
    assert set(await Author.objects.values_list("name", flat=True)) == {value}
    await Author.objects.update(name="x")
    await Author.objects.update(name=Concat(Value(value), Value("")))
    assert set(await Author.objects.values_list("name", flat=True)) == {value}


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "?"])
async def test_names_in_the_rarer_methods_are_refused(name: str, postgresql: Database) -> None:
    tags = Tag.objects.all()
    option: dict[str, Any] = {name: True}
    attempts: list[Callable[[], Any]] = [
        lambda: tags.union(tags).order_by(name),
        lambda: tags.union(tags).values_list(name),
        lambda: tags.distinct(name),
        lambda: tags.latest(name),
        lambda: tags.in_bulk([1], field_name=name),
        lambda: tags.dates(name, "year"),
        lambda: Stamped.objects.dates("made", name),
        lambda: Stamped.objects.datetimes("made", name),
        lambda: tags.select_for_update(of=(name,)),
        lambda: tags.update(name="x").returning(name),
        lambda: tags.explain(format=name),
        lambda: tags.explain(**option),
        lambda: tags.explain(serialize=name),
        lambda: tags.prefetch_related(name),
        lambda: prefetch_related_objects([Tag(name="x", pk=1)], name),
        lambda: tags.prefetch_related(Prefetch(name)),
        lambda: KeysetPaginator(tags.order_by(F(name)), 2).page(),
    ]
    await Tag.objects.create(name="red")
    for number, attempt in enumerate(attempts):
        with pytest.raises((FieldError, ValueError)):
            result = attempt()
            await result
            pytest.fail(f"attempt {number} was let through")
    assert await Tag.objects.count() == 1
