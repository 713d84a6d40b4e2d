"""Finds a field in the beginning of a form, and gives the application the form whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from urllib.parse import unquote_to_bytes

from vivace.web.formparsers import parse_media_type
from vivace.web.types import Message, Receive

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


class Replay:
    """A `receive` that first gives the messages that were read ahead."""

    __slots__ = ("_messages", "_receive")

    def __init__(self, messages: list[Message], receive: Receive) -> None:
        self._messages = deque(messages)
        self._receive = receive

    def __call__(self) -> Awaitable[Message]:
        return self._next() if self._messages else self._receive()

    async def _next(self) -> Message:
        return self._messages.popleft()


def is_form(content_type: str) -> bool:
    """Whether a body of this type has fields."""
    return parse_media_type(content_type)[0] in (URLENCODED, MULTIPART)


async def peek_field(receive: Receive, content_type: str, name: str, limit: int) -> tuple[str | None, Receive]:
    """The field `name` of a form, if it ends within `limit` bytes, and a `receive` that gives the whole body.

    No more is read than is needed to find it, and of a body without it the message that passes the limit is the last.
    """
    messages: list[Message] = []
    data = bytearray()
    scanned, is_complete = 0, False
    found: str | None = None
    while not is_complete and len(data) < limit and found is None:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":
            break
        data += message.get("body", b"")
        is_complete = not message.get("more_body", False)
        # Small parts are looked at each time there are twice as many, so that a million of them cost no square.
        if is_complete or len(data) >= min(2 * scanned, limit):
            scanned = len(data)
            found = find_field(bytes(data[:limit]), content_type, name, is_complete=is_complete and scanned <= limit)
    return found, Replay(messages, receive)


def find_field(data: bytes, content_type: str, name: str, *, is_complete: bool) -> str | None:
    """The first field of this name in the beginning of a form; None when it is not there wholly. Never raises."""
    media_type, parameters = parse_media_type(content_type)
    wanted = name.encode()
    if media_type == URLENCODED:
        value = _in_urlencoded(data, wanted, is_complete)
    elif media_type == MULTIPART and parameters.get(b"boundary"):
        value = _in_multipart(data, parameters[b"boundary"], wanted, is_complete)
    else:
        value = None
    return None if value is None else value.decode("latin-1")


def _in_urlencoded(data: bytes, name: bytes, is_complete: bool) -> bytes | None:
    pieces = data.split(b"&")
    for piece in pieces if is_complete else pieces[:-1]:
        key, _, value = piece.partition(b"=")
        if key == name or unquote_to_bytes(key) == name:
            return unquote_to_bytes(value.replace(b"+", b" "))
    return None


def _in_multipart(data: bytes, boundary: bytes, name: bytes, is_complete: bool) -> bytes | None:
    # RFC 2046 5.1.1: the delimiter begins with the line break before it, which the first one may lack.
    parts = (b"\r\n" + data).split(b"\r\n--" + boundary)
    for part in parts[1:] if is_complete else parts[1:-1]:
        head, blank_line, body = part.partition(b"\r\n\r\n")
        if blank_line and _is_field(head, name):
            return body
    return None


def _is_field(head: bytes, name: bytes) -> bool:
    for line in head.split(b"\r\n"):
        field, colon, value = line.partition(b":")
        if colon and field.strip().lower() == b"content-disposition":
            options = parse_media_type(value.strip().decode("latin-1"))[1]
            return options.get(b"name") == name and b"filename" not in options
    return False
