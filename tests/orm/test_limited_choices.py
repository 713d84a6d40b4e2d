"""`limit_choices_to` of foreign keys, as `full_clean` sees it, and models that only some databases have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.orm.tables import tables_of

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.exceptions import ValidationError

pytestmark = pytest.mark.anyio


class Author(models.Model):
    name = models.CharField(max_length=20)
    age = models.IntegerField()

    class Meta:
        app_label = "limited"


class Award(models.Model):
    by_dict = models.ForeignKey(Author, models.CASCADE, related_name="+", limit_choices_to={"age__gte": 18}, null=True)
    by_q = models.ForeignKey(
        Author, models.CASCADE, related_name="+", limit_choices_to=models.Q(name="Ann") | models.Q(age=3), null=True
    )
    by_call = models.ForeignKey(
        Author, models.CASCADE, related_name="+", limit_choices_to=lambda: {"name__startswith": "B"}, null=True
    )

    class Meta:
        app_label = "limited"


class OfOneDatabase(models.Model):
    class Meta:
        app_label = "limited"
        required_db_vendor = "mysql"


class OfSomeDatabases(models.Model):
    class Meta:
        app_label = "limited"
        required_db_features = ["supports_partial_indexes", "supports_transactions"]


@pytest.fixture
async def tables(database: Database) -> AsyncIterator[Database]:
    async with tables_of(database, Author, Award):
        yield database


async def test_what_is_no_choice_is_an_error_of_its_field(tables: Database) -> None:
    ann = await Author.objects.create(name="Ann", age=40)
    child = await Author.objects.create(name="Child", age=3)
    other = await Author.objects.create(name="Bob", age=4)
    await Award(by_dict=ann, by_q=child, by_call=other).full_clean(exclude={"id"})
    await Award().full_clean(exclude={"id", "by_dict", "by_q", "by_call"})
    for name, wrong in (("by_dict", child), ("by_q", other), ("by_call", ann)):
        award: Any = Award(**{"by_dict": ann, "by_q": child, "by_call": other} | {name: wrong})
        with pytest.raises(ValidationError) as caught:
            await award.full_clean(exclude={"id"})
        assert list(caught.value.message_dict) == [name]
        assert caught.value.error_dict[name][0].code == "invalid"
        await award.full_clean(exclude={"id", name})


async def test_a_model_says_which_databases_may_have_its_table(database: Database) -> None:
    assert Award._meta.is_for(database.dialect)
    assert OfOneDatabase._meta.is_for(database.dialect) == (database.dialect.name == "mysql")
    assert OfSomeDatabases._meta.is_for(database.dialect) == (database.dialect.name != "mysql")
