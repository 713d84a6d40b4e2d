"""One server-sent event, and the lines that it is on the wire (WHATWG HTML 9.2.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from vivace.web._json import encode

# What ends a line of an event stream, and so must end a `data:` line of ours (HTML 9.2.6).
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """An event for an `EventSourceResponse` (names as FastAPI and sse-starlette have them).

    * `data`: text is sent as it is, any number of lines; every other value as JSON (as `JSONResponse` takes it). None
      is no data: such an event may carry `id`, `retry` or `comment`, and the browser's handlers do not see it.
    * `raw_data`: the same for text only; either this or `data`.
    * `event`: the type that `addEventListener` names; without one it is "message".
    * `id`: what a browser sends back as Last-Event-ID when it reconnects; empty makes it forget the last one.
    * `retry`: the milliseconds that the browser shall wait before it reconnects.
    * `comment`: text that browsers ignore.

    Raises ValueError for line breaks in `event` and `id`, NUL in `id` (browsers would ignore it) and a negative
    `retry`, TypeError for values of another type; `encode` raises them for data that is no JSON.
    """

    data: Any = None
    event: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None
    raw_data: str | None = None

    def __post_init__(self) -> None:
        for name in ("event", "id", "comment"):
            value = getattr(self, name)
            if not (value is None or isinstance(value, str)):
                raise TypeError(f"the {name} of a server-sent event is text, got {value!r}")
        _check_single_line("event", self.event)
        _check_single_line("id", self.id)
        if self.id is not None and "\0" in self.id:
            raise ValueError(f"the id of a server-sent event cannot contain NUL: {self.id!r}")
        retry: object = self.retry
        if retry is not None and (not isinstance(retry, int) or isinstance(retry, bool)):
            raise TypeError(f"the retry of a server-sent event is in whole milliseconds, got {retry!r}")
        if self.retry is not None and self.retry < 0:
            raise ValueError(f"the retry of a server-sent event is zero milliseconds or more, got {self.retry}")
        raw_data: object = self.raw_data
        if raw_data is not None:
            if not isinstance(raw_data, str):
                raise TypeError(f"raw_data is text, got {raw_data!r}")
            if self.data is not None:
                raise ValueError("A server-sent event has data, which is encoded, or raw_data, which is not.")
        if isinstance(self.data, bytes | bytearray | memoryview):
            raise TypeError("The data of a server-sent event is text or a JSON value: decode these bytes first.")

    def encode(self) -> bytes:
        """The event's lines, the empty one that ends it included."""
        lines: list[str] = []
        if self.comment is not None:
            lines += [f": {line}" for line in _LINE_END.split(self.comment)]
        if self.event is not None:
            lines.append(f"event: {self.event}")
        data = self.data if self.raw_data is None else self.raw_data
        if isinstance(data, str):
            lines += [f"data: {line}" for line in _LINE_END.split(data)]
        elif data is not None:
            lines.append(f"data: {encode(data).decode()}")
        if self.id is not None:
            lines.append(f"id: {self.id}")
        if self.retry is not None:
            lines.append(f"retry: {self.retry}")
        lines.append("\n")
        return "\n".join(lines).encode()


class JSONServerSentEvent(ServerSentEvent):
    """An event whose data is JSON whatever it is, text too: `"hello"` goes out with its quotes."""

    __slots__ = ()

    def __post_init__(self) -> None:
        if self.data is not None:
            object.__setattr__(self, "data", encode(self.data).decode())
        super().__post_init__()


def _check_single_line(name: str, value: str | None) -> None:
    if value is not None and ("\n" in value or "\r" in value):
        raise ValueError(f"the {name} of a server-sent event is one line, got {value!r}")
