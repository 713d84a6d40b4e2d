"""Fixtures: what Vivace writes is what Django writes, to the letter, and each reads the other's."""

from __future__ import annotations

import io
import re
from itertools import chain
from typing import Any

import pytest
from tests.parity.orm import ours
from tests.parity.orm.worlds import Worlds

from vivace.orm import using
from vivace.orm.contenttypes import ContentType
from vivace.orm.serializers import dump, load
from vivace.orm.serializers.loading import Fixture

# Django cuts them off in JSON; we do not.
MICROSECONDS = re.compile(r'((?:T|"opens": ")[0-9:]{8}\.\d{3})\d{3}(?=Z?")')

MODELS = [ContentType, *ours.MODELS]


# Which of two tags of one name comes first is the database's choice.
TAGS = re.compile(r"(tags\W+?)(\d+(?:[^\w\"]+\d+)*)(?=\W)")


def comparable(text: str) -> str:
    """A dump without what need not be equal."""
    text = TAGS.sub(lambda found: found[1] + " ".join(sorted(re.findall(r"\d+", found[2]))), text)
    return MICROSECONDS.sub(r"\1", text)


def by_django(worlds: Worlds, format: str, **options: Any) -> str:
    from django.core import serializers

    models = [worlds.theirs[model.__name__] for model in MODELS]
    rows = chain.from_iterable(model._base_manager.order_by("pk") for model in models)
    text: str = serializers.serialize(format, rows, **options)
    return text


async def by_vivace(worlds: Worlds, format: str, **options: Any) -> str:
    into = io.StringIO()
    await dump(worlds.database, MODELS, into, format=format, use_base_manager=True, **options)
    return into.getvalue()


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("format", ["json", "jsonl", "yaml"])
def test_a_dump_is_djangos_to_the_letter(format: str, indent: int | None, worlds: Worlds) -> None:
    found = worlds.runner.run(by_vivace(worlds, format, indent=indent))
    assert comparable(found) == comparable(by_django(worlds, format, indent=indent))


@pytest.mark.parametrize("primary", [False, True])
def test_natural_keys_are_used_as_django_does(primary: bool, worlds: Worlds) -> None:
    options = {"use_natural_foreign_keys": True, "use_natural_primary_keys": primary}
    found = worlds.runner.run(by_vivace(worlds, "json", **options))
    expected = by_django(worlds, "json", **options)
    # The models come in another order: those with natural keys first.
    assert sorted(comparable(found).split('{"model"')) == sorted(comparable(expected).split('{"model"'))


async def emptied_and_loaded(worlds: Worlds, format: str, given: str, times: int = 1) -> str:
    """What is there after all rows were deleted and `given` was loaded; nothing of it stays."""
    transaction = await worlds.database.transaction().start()
    try:
        with using(worlds.database):
            await ours.Stock.objects.all().delete()
            for model in reversed(ours.MODELS):
                await model._meta.base_manager.get_queryset().delete()
            # delete() would look into every model of this process that relates to content types; most have no table.
            await worlds.database.execute(f"DELETE FROM {ContentType._meta.db_table}")
            assert not await ours.Book.objects.exists()
            for _ in range(times):
                await load(worlds.database, [Fixture("given", format, given)])
            return await by_vivace(worlds, format)
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("format", ["json", "jsonl", "yaml"])
def test_a_dump_of_djangos_brings_every_row_back(format: str, worlds: Worlds) -> None:
    given = by_django(worlds, format)
    found = worlds.runner.run(emptied_and_loaded(worlds, format, given))
    # Where Django's had microseconds.
    assert comparable(found) == comparable(given).replace(".000Z", "Z")


@pytest.mark.parametrize("format", ["json", "jsonl", "yaml"])
def test_a_dump_of_ours_brings_every_row_back_as_it_was(format: str, worlds: Worlds) -> None:
    given = worlds.runner.run(by_vivace(worlds, format))
    assert worlds.runner.run(emptied_and_loaded(worlds, format, given, times=2)) == given
