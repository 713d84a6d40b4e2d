"""Records are read by attribute, index, key and column."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, func, select

from vivace.databases import Database, Record
from vivace.databases.records import RecordShape, shape_of

notes = Table("notes", MetaData(), Column("id", Integer, primary_key=True), Column("text", String(100)))


@pytest.fixture
def record() -> Record:
    return shape_of(("id", "text")).record((1, "hello"))


def test_all_ways_of_reading(record: Record) -> None:
    assert record.text == record["text"] == record[1] == record[-1] == record[notes.c.text] == "hello"
    assert dict(record._mapping) == record._asdict() == {"id": 1, "text": "hello"}
    assert record._fields == ("id", "text")
    assert "text" in record._mapping
    assert "texts" not in record._mapping
    assert dict(record) == {"id": 1, "text": "hello"} == {**record}
    assert list(record.keys()) == ["id", "text"]
    assert isinstance(record, Sequence)
    number, text = record
    assert (number, text) == (1, "hello") == record
    assert record[:1] == (1,)
    assert len(record) == len(record._mapping) == 2
    assert repr(record) == "Record(id=1, text='hello')"
    assert repr(record._mapping) == "{'id': 1, 'text': 'hello'}"


def test_columns_may_be_called_count_and_index() -> None:
    record = shape_of(("count", "index")).record((7, 8))
    assert (record.count, record.index) == (7, 8)


def test_unknown_names_suggest_the_nearest(record: Record) -> None:
    with pytest.raises(AttributeError, match=r"no column 'txt'\. Did you mean"):
        _ = record.txt
    with pytest.raises(KeyError, match="Did you mean"):
        record["txt"]
    with pytest.raises(KeyError, match="no column"):
        record[func.max(notes.c.id)]
    with pytest.raises(IndexError):
        record[2]
    with pytest.raises(KeyError):
        record._mapping[0]  # type: ignore[index]


def test_of_columns_with_one_name_the_first_is_found() -> None:
    record = shape_of(("id", "id")).record((1, 2))
    assert record.id == 1
    assert tuple(record) == (1, 2)
    assert list(record._mapping.keys()) == ["id", "id"]
    assert list(record._mapping.values()) == list(record.values()) == [1, 2]
    assert dict(record._mapping) == {"id": 1}


def test_equality_hash_and_pickle(record: Record) -> None:
    same = shape_of(("id", "text")).record((1, "hello"))
    assert record == same
    assert hash(record) == hash(same)
    assert record != (2, "hello")
    assert record != [1, "hello"]
    copy = pickle.loads(pickle.dumps(record))
    assert copy == record
    assert copy.text == "hello"


def test_processors_convert_what_they_are_for() -> None:
    shape = RecordShape(("a", "b"), [None, lambda value: value * 2])
    assert tuple(shape.record((1, 2))) == (1, 4)
    assert shape.first_value(1) == 1
    assert RecordShape(("a",), [str]).first_value(1) == "1"


@pytest.mark.anyio
async def test_columns_of_expressions_are_found_by_expression(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
    await sqlite.execute(notes.insert(), {"text": "a"})
    highest = func.max(notes.c.id)
    row = await sqlite.fetch_one(select(highest, notes.c.text.label("body")).group_by(notes.c.text))
    assert row is not None
    assert row[highest] == 1
    assert row.body == "a"
