"""Reading text record by record, wherever its chunks end, and refusing what is broken."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.orm.serializers import DeserializationError, SerializerDoesNotExist, get_public_serializer_formats
from vivace.orm.serializers.formats import get_format

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class InPieces(io.StringIO):
    """A file that gives a few characters at a time, as a pipe may."""

    def read(self, size: int | None = -1, /) -> str:
        return super().read(min(size or 0, 3) if size is not None and size > 0 else size)


def read(format: str, text: str, kind: type[io.StringIO] = io.StringIO) -> list[Any]:
    return list(get_format(format).read(kind(text)))


@pytest.mark.parametrize("kind", [io.StringIO, InPieces])
@pytest.mark.parametrize("indent", [None, 2])
@given(records=st.lists(st.dictionaries(st.text(), JSON), max_size=4))
def test_json_is_read_as_it_was_written(records: list[Any], indent: int | None, kind: type[io.StringIO]) -> None:
    assert read("json", json.dumps(records, indent=indent), kind) == records


@given(records=st.lists(st.dictionaries(st.text(), JSON), max_size=4))
def test_every_format_reads_what_it_writes(records: list[Any]) -> None:
    for name in ("json", "jsonl"):
        form = get_format(name)
        text = form.begin(None) + "".join(form.record(each, None, at == 0) for at, each in enumerate(records))
        assert read(name, text + form.end(None, not records)) == records


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "should begin with"),
        ("{}", "should begin with"),
        ('[{"a": 1}', "no end: half a file"),
        ('[{"a": 1},', "no end: half a file"),
        ('[{"a": 1', "no JSON"),
        ('[{"a": 1}, 3]', "'3' where an object"),
        ('[{"a": 1} {"a": 2}]', "where a comma"),
        ("[] []", "behind the array"),
        ('[{"a": ' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_broken_json_is_refused(text: str, said: str) -> None:
    with pytest.raises(DeserializationError, match=said):
        read("json", text)


def test_a_broken_line_is_named() -> None:
    with pytest.raises(DeserializationError, match="Line 3 is no JSON"):
        read("jsonl", '{"a": 1}\n\n{"a"\n')


def test_lines_hold_the_separators_that_json_does_not_escape() -> None:
    record = {"text": "one\u2028two\x85three"}
    assert read("jsonl", json.dumps(record, ensure_ascii=False) + "\n") == [record]


@pytest.mark.parametrize(
    ("text", "said"), [("a: [", "no YAML"), ("a: 1", "a list of records"), ("!!python/x 1", "YAML")]
)
def test_broken_or_dangerous_yaml_is_refused(text: str, said: str) -> None:
    with pytest.raises(DeserializationError, match=said):
        read("yaml", text)


def test_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(SerializerDoesNotExist, match='Did you mean "json"'):
        get_format("jsno")
    assert get_public_serializer_formats() == ["json", "jsonl", "yaml"]
