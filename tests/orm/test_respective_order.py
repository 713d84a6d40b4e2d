"""`Meta.order_with_respect_to`: rows of one parent in an order of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.orm.tables import tables_of

from vivace.databases import Database
from vivace.orm import models

pytestmark = pytest.mark.anyio


class Question(models.Model):
    text = models.CharField(max_length=20)

    class Meta:
        app_label = "quiz"


class Answer(models.Model):
    question = models.ForeignKey(Question, models.CASCADE)
    text = models.CharField(max_length=20)

    class Meta:
        app_label = "quiz"
        order_with_respect_to = "question"


@pytest.fixture
async def tables(database: Database) -> AsyncIterator[Database]:
    async with tables_of(database, Question, Answer):
        yield database


async def test_new_rows_come_last_and_the_order_can_be_set(tables: Database) -> None:
    first: Any = await Question.objects.create(text="1")
    other = await Question.objects.create(text="2")
    answers: list[Any] = [await Answer.objects.create(question=first, text=text) for text in "abc"]
    await Answer.objects.create(question=other, text="x")
    assert [answer._order for answer in answers] == [0, 1, 2]
    assert [answer.text async for answer in Answer.objects.filter(question=first)] == ["a", "b", "c"]
    keys = await first.get_answer_order()
    assert keys == [answer.pk for answer in answers]
    await first.set_answer_order(list(reversed(keys)))
    assert [answer.text async for answer in Answer.objects.filter(question=first)] == ["c", "b", "a"]
    last = await Answer.objects.aget(text="c")
    following: Any = await last.get_next_in_order()  # type: ignore[attr-defined]
    assert following.text == "b"
    assert (await following.get_previous_in_order()).text == "c"
    with pytest.raises(Answer.DoesNotExist):
        await last.get_previous_in_order()  # type: ignore[attr-defined]


async def test_rows_created_in_bulk_come_last_in_the_order_of_the_list(tables: Database) -> None:
    one, two = [await Question.objects.create(text=text) for text in "12"]
    await Answer.objects.create(question=one, text="a")
    new = [Answer(question=question, text=text) for question, text in ((one, "b"), (two, "x"), (one, "c"), (two, "y"))]
    await Answer.objects.bulk_create(new)
    rows = Answer.objects.order_by("question", "_order").values_list("text", "_order")
    assert await rows == [("a", 0), ("b", 1), ("c", 2), ("x", 0), ("y", 1)]
