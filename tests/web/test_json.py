from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import pickle
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web._json import MalformedJSON, decode, encode
from vivace.web.exceptions import HTTPException


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


class Real(float):
    pass


class Size(enum.IntEnum):
    SMALL = 1


class Struct(msgspec.Struct):
    a: float | None


@dataclasses.dataclass
class Data:
    a: float | None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, True, None, "ü\u2028"]}, '{"a":[1,2.5,true,null,"ü\u2028"]}'),
        ({1: "int", 1.5: "float"}, '{"1":"int","1.5":"float"}'),
        ({None: 1, True: 2}, '{"null":1,"true":2}'),
        ((1, 2), "[1,2]"),
        ([Text("x"), Whole(3), Real(1.5), Size.SMALL], '["x",3,1.5,1]'),
        ({Text("k"): None}, '{"k":null}'),
        ([2**70, None], "[1180591620717411303424,null]"),
        ([dt.date(2020, 1, 2), decimal.Decimal("1.10")], '["2020-01-02","1.10"]'),
        (uuid.UUID(int=0), '"00000000-0000-0000-0000-000000000000"'),
        ([Data(None), Struct(1.0)], '[{"a":null},{"a":1.0}]'),
        ({None: Data(1.0)}, '{"null":{"a":1.0}}'),
        ([b"\xcb\x7f\xf0", None], '["y3/w",null]'),
    ],
)
def test_values_become_compact_json(value: Any, text: str) -> None:
    assert encode(value).decode() == text


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, Real("nan")])
@pytest.mark.parametrize(
    "wrap", [lambda x: x, lambda x: [None, x], lambda x: {"a": {"b": [x]}}, lambda x: {None: x}, Struct, Data]
)
def test_numbers_that_json_lacks_are_refused(number: float, wrap: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(wrap(number))


@pytest.mark.parametrize("value", [object(), [range(3)], {None: object()}, {object(): 1}, 1j])
def test_what_has_no_json_form_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        encode(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_encoding_agrees_with_the_standard_library(value: Any) -> None:
    try:
        expected = json.loads(json.dumps(value, allow_nan=False))
    except ValueError:
        with pytest.raises(ValueError, match="JSON compliant"):
            encode(value)
        return
    assert json.loads(encode(value)) == expected
    assert decode(encode(value)) == expected


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b' {"a": [1, -0.5e1, null]} ', {"a": [1, -5.0, None]}),
        (b"\xef\xbb\xbf1", 1),
        ('"ü"'.encode("utf-16"), "ü"),
        (b"1180591620717411303424", 2**70),
        (b'{"a":1,"a":2}', {"a": 2}),
    ],
)
def test_json_texts_are_read(body: bytes, value: Any) -> None:
    assert decode(body) == value


@pytest.mark.parametrize(
    ("body", "message", "line", "column"),
    [
        (b"", "Expecting value", 1, 1),
        (b'{"a": 1,x}', "Expecting property name enclosed in double quotes", 1, 9),
        (b'{\n  "a": tru\n}', "Expecting value", 2, 8),
        (b'["\xc3\xbc\xc3\xbc", x]', "Expecting value", 1, 8),
        (b'{"a":1} x', "Extra data", 1, 9),
        (b'"a\tb"', "Invalid control character at", 1, 3),
        (b'["\xc3\xbc", NaN]', "Invalid character", 1, 7),
        (b"-Infinity", "Invalid character", 1, 2),
        (b'["1e9999", 1e9999]', "Number out of range", 1, 12),
        (b"[" + b"9" * 5000 + b"]", "Number out of range", 1, 2),
        (b'["\xff"]', "Invalid UTF-8", 1, 3),
        (b'"\\ud800\\u0041"', "Invalid utf-16 surrogate pair", 1, 14),
        (b"\xef\xbb\xbf{x", "Expecting property name enclosed in double quotes", 1, 2),
        (b"[" * 100_000, "Nested too deeply", 1, 1),
    ],
)
def test_what_is_wrong_is_said_with_its_place(body: bytes, message: str, line: int, column: int) -> None:
    with pytest.raises(MalformedJSON) as caught:
        decode(body)
    error = caught.value
    assert (error.msg, error.lineno, error.colno) == (message, line, column)
    assert error.status_code == 400
    assert error.detail == f"Malformed JSON: {message} (line {line}, column {column})"
    assert str(error).startswith(f"{message}: line {line} column {column}")


def test_the_error_is_both_a_response_and_the_standard_librarys_error() -> None:
    for kind in (HTTPException, json.JSONDecodeError, ValueError):
        with pytest.raises(kind):
            decode(b"{")
    with pytest.raises(MalformedJSON) as caught:
        decode(b"{")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.detail, copy.pos) == (caught.value.detail, caught.value.pos)


@given(st.binary() | st.text(alphabet=st.sampled_from('[]{}",:\\u0d8Ena.-+ \n')).map(str.encode))
def test_any_bytes_are_json_or_malformed(body: bytes) -> None:
    try:
        value = decode(body)
    except MalformedJSON as error:
        position, length = error.pos, len(error.doc)
    else:
        # The standard library reads everything that we do, and reads the same.
        assert json.loads(body) == value
        return
    assert 0 <= position <= length
