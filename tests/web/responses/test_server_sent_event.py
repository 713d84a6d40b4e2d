from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.responses import JSONServerSentEvent, ServerSentEvent


class Price(msgspec.Struct):
    name: str
    cents: int


@dataclass
class Point:
    x: int


@dataclass
class Received:
    """What a browser makes of an event."""

    data: str
    event: str
    id: str


def browser(stream: str) -> tuple[list[Received], str, int | None]:
    """The events, the last id and the retry of a stream, read as HTML 9.2.6 tells browsers to."""
    events: list[Received] = []
    last_id, retry = "", None
    data, event = "", ""
    lines = stream.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for line in lines[:-1]:
        if line == "":
            if data:
                events.append(Received(data.removesuffix("\n"), event or "message", last_id))
            data, event = "", ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data += value + "\n"
        elif field == "event":
            event = value
        elif field == "id" and "\0" not in value:
            last_id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            retry = int(value)
    return events, last_id, retry


@pytest.mark.parametrize(
    ("event", "frame"),
    [
        (ServerSentEvent("hello"), "data: hello\n\n"),
        (ServerSentEvent(""), "data: \n\n"),
        (ServerSentEvent("one\ntwo\r\nthree\rfour\n"), "data: one\ndata: two\ndata: three\ndata: four\ndata: \n\n"),
        (ServerSentEvent({"a": [1, None]}), 'data: {"a":[1,null]}\n\n'),
        (ServerSentEvent("a\u2028b"), "data: a\u2028b\n\n"),
        (ServerSentEvent(Price("tea", 250)), 'data: {"name":"tea","cents":250}\n\n'),
        (ServerSentEvent(Point(1)), 'data: {"x":1}\n\n'),
        (ServerSentEvent(date(2026, 1, 31)), 'data: "2026-01-31"\n\n'),
        (ServerSentEvent(0), "data: 0\n\n"),
        (ServerSentEvent(False), "data: false\n\n"),
        (ServerSentEvent(raw_data="<b>x</b>\n"), "data: <b>x</b>\ndata: \n\n"),
        (JSONServerSentEvent("a\nb"), 'data: "a\\nb"\n\n'),
        (JSONServerSentEvent([1], event="x"), "event: x\ndata: [1]\n\n"),
        (JSONServerSentEvent(comment="x"), ": x\n\n"),
        (ServerSentEvent(comment="a\nb"), ": a\n: b\n\n"),
        (ServerSentEvent(id="", retry=0), "id: \nretry: 0\n\n"),
        (
            ServerSentEvent("x", event="e", id="7", retry=10, comment="c"),
            ": c\nevent: e\ndata: x\nid: 7\nretry: 10\n\n",
        ),
        (ServerSentEvent(), "\n"),
    ],
)
def test_an_event_has_these_lines(event: ServerSentEvent, frame: str) -> None:
    assert event.encode() == frame.encode()


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n", "x\ndata: y"])
@pytest.mark.parametrize("field", ["event", "id"])
def test_a_field_cannot_break_out_of_its_line(field: str, line_end: str) -> None:
    fields: dict[str, Any] = {field: f"a{line_end}"}
    with pytest.raises(ValueError, match=f"the {field} of a server-sent event is one line"):
        ServerSentEvent("x", **fields)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"id": "a\0"}, "cannot contain NUL"),
        ({"retry": -1}, "zero milliseconds or more"),
        ({"data": 1, "raw_data": "1"}, "or raw_data"),
        ({"event": 1}, "event of a server-sent event is text"),
        ({"id": 7}, "id of a server-sent event is text"),
        ({"comment": b"c"}, "comment of a server-sent event is text"),
        ({"retry": "1"}, "whole milliseconds"),
        ({"retry": True}, "whole milliseconds"),
        ({"raw_data": b"x"}, "raw_data is text"),
        ({"data": b"x"}, "decode these bytes"),
    ],
)
def test_what_no_event_can_have_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises((ValueError, TypeError), match=complaint):
        ServerSentEvent(**fields)


def test_data_that_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        ServerSentEvent(float("nan")).encode()
    with pytest.raises(TypeError, match="not JSON serializable"):
        ServerSentEvent(object()).encode()


LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), LINE, LINE, st.integers(0, 10**6))
def test_a_browser_reads_what_was_meant(data: str, event: str, last_id: str, retry: int) -> None:
    sent = ServerSentEvent(data, event=event, id=last_id, retry=retry, comment=data)
    events, seen_id, seen_retry = browser(sent.encode().decode())
    lines = data.replace("\r\n", "\n").replace("\r", "\n")
    assert events == [Received(lines, event or "message", last_id)]
    assert (seen_id, seen_retry) == (last_id, retry)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_json_is_one_line_whatever_it_holds(value: Any) -> None:
    try:
        frame = JSONServerSentEvent([value]).encode()
    except UnicodeEncodeError:
        return  # a lone surrogate has no UTF-8
    assert frame.count(b"\n") == 2
    assert json.loads(frame.removeprefix(b"data: ")) == [value]
