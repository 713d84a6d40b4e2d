"""Splits a multipart/form-data body (RFC 7578) into its parts: chunks in, events out, nothing waited for.

python-multipart finds the boundaries. What is added here: the preamble that RFC 2046 allows, a body that must reach its
closing boundary, headers of parts that cannot smuggle line breaks, charsets, and errors that come after, never instead
of, what was right before them.
"""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from vivace.web.exceptions import HTTPException

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# Encodings of which decoding can fail in other ways than UnicodeDecodeError, is slow, or warns.
_UNFIT_CODECS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7", "oem"})
# python-multipart logs a warning for every form that is broken; the client is told, and nobody else need be.
_UNHEARD = logging.Logger("python_multipart", logging.CRITICAL)  # noqa: LOG001 (not the one that users configure)
# What may follow a boundary on its line (RFC 2046 5.1.1): padding and the line's end, or the hyphens of the last one.
_AFTER_BOUNDARY = (b"\r\n", b"--", b" ", b"\t")
_UNFIT_FOR_HEADERS = re.compile(rb"[\0\r\n]")
SLICE_SIZE = 256 * 1024
# Of `_charset_`, as much is looked at: the longest name that the IANA has registered is not half as long.
LONGEST_CHARSET = 100


class MultiPartException(HTTPException):
    """The form is broken or beyond a limit. Left alone it becomes a response with `message` as its text.

    The status is 400; 413 beyond a limit on memory, on files or on the whole; 415 where it is no form at all.
    """

    def __init__(self, message: str, status_code: int = 400) -> None:
        super().__init__(status_code, message)
        self.message = message


def parse_media_type(value: str) -> tuple[str, dict[bytes, bytes]]:
    """A Content-Type in lower case and its parameters. Never raises: what cannot be read is not there."""
    media_type, parameters = parse_options_header(value.encode("latin-1", "replace"))
    return media_type.decode("latin-1"), parameters


def text_codec(charset: bytes) -> str:
    """The codec for a charset that a client names; Latin-1, which reads everything, for one that is unfit."""
    try:
        codec = codecs.lookup(charset.decode("latin-1"))
    except (LookupError, ValueError):
        return "latin-1"
    is_text: bool = getattr(codec, "_is_text_encoding", True)
    return codec.name if is_text and codec.name not in _UNFIT_CODECS else "latin-1"


def decode_text(data: bytes | bytearray, codec: str) -> str:
    """The text; never raises, because what the codec cannot read is read as Latin-1."""
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return data.decode("latin-1")


# The same forms come again and again, and this takes a third of the time of a part.
@lru_cache(maxsize=1024)
def _read_disposition(value: bytes) -> tuple[bytes | None, bytes | None]:
    """The name and the file name. RFC 7578 4.2: `filename*` is not for forms, and is ignored."""
    _, options = parse_options_header(value)
    return options.get(b"name"), options.get(b"filename")


@dataclass(slots=True)
class PartHead:
    """What stands before the content of a part. `codec` reads its text; `size` is that of the headers, in bytes."""

    name: str
    filename: str | None
    headers: list[tuple[bytes, bytes]]
    codec: str
    size: int


class _End(Enum):
    OF_PART = 0


END_OF_PART = _End.OF_PART
Event = PartHead | bytes | _End


def slices(chunk: bytes) -> Iterator[bytes]:
    """The chunk in pieces of a size that a limit can stop between: a server may give the whole body at once."""
    if len(chunk) <= SLICE_SIZE:
        yield chunk
    else:
        for start in range(0, len(chunk), SLICE_SIZE):
            yield chunk[start : start + SLICE_SIZE]


class Splitter:
    """The parts of one body: `feed()` it chunks, then `finish()` it.

    Texts are in the charset of the content type, until a field called `_charset_` names another for what follows
    (RFC 7578 4.6). Both methods raise `MultiPartException`.
    """

    def __init__(self, content_type: str) -> None:
        _, parameters = parse_media_type(content_type)
        boundary = parameters.get(b"boundary", b"")
        if not boundary:
            raise MultiPartException("Missing boundary in multipart.")
        self._codec = text_codec(parameters.get(b"charset", b"utf-8"))
        self._charset: bytearray | None = None  # the content of `_charset_`, while that is read
        self._events: list[Event] = []
        self._failure: MultiPartException | None = None
        self._delimiter = b"\r\n--" + boundary
        # The first boundary needs no line before it; this one stands for it.
        self._preamble: bytes | None = b"\r\n"
        self._is_empty, self._has_ended = True, False
        self._headers: list[tuple[bytes, bytes]] = []
        self._header_name = self._header_value = b""
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin_part,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_header_field": self._add_header_name,
            "on_header_value": self._add_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
            self._parser.logger = _UNHEARD
        except FormParserError as error:
            raise MultiPartException("Invalid multipart data.") from error

    def feed(self, chunk: bytes) -> list[Event]:
        """What the next chunk of the body holds. An error in the middle of it is raised by the next call."""
        if self._failure is not None:
            raise self._failure
        self._is_empty = self._is_empty and not chunk
        events: list[Event] = []
        self._events = events
        try:
            if self._preamble is not None:
                chunk = self._skip_preamble(self._preamble + chunk)
            self._parser.write(chunk)
        except MultiPartException as error:
            self._failure = error
        except FormParserError as error:
            self._failure = MultiPartException("Invalid multipart data.")
            self._failure.__cause__ = error
        if self._failure is not None and not events:
            raise self._failure
        return events

    def finish(self) -> None:
        """The body has ended. An empty one is an empty form; another must have come to its closing boundary."""
        if self._failure is not None:
            raise self._failure
        if not self._has_ended and not self._is_empty:
            raise MultiPartException("Invalid multipart data: it ends before its closing boundary.")

    def _skip_preamble(self, data: bytes) -> bytes:
        """What follows the preamble (RFC 2046 5.1.1: to be ignored), once the first boundary has come."""
        at = -1
        while (at := data.find(self._delimiter, at + 1)) >= 0:
            after = data[at + len(self._delimiter) :][:2]
            if after.startswith(_AFTER_BOUNDARY):
                self._preamble = None
                return data[at + 2 :]
            if after in (b"", b"\r", b"-"):  # the next chunk decides
                self._preamble = data[at:]
                return b""
        self._preamble = data[-len(self._delimiter) :]
        return b""

    # What python-multipart calls.

    def _begin_part(self) -> None:
        self._headers = []

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if _UNFIT_FOR_HEADERS.search(self._header_value):
            raise MultiPartException("Invalid multipart data.")
        self._headers.append((self._header_name.lower(), self._header_value.strip(b" \t")))
        self._header_name = self._header_value = b""

    def _end_headers(self) -> None:
        headers = self._headers
        disposition, codec, size = b"", self._codec, 0
        for name, value in headers:
            size += len(name) + len(value)
            if name == b"content-disposition":
                disposition = value  # of several, the last one counts, as in Starlette
            elif name == b"content-type" and b";" in value:
                _, parameters = parse_options_header(value)
                codec = text_codec(parameters[b"charset"]) if b"charset" in parameters else codec
        field, filename = _read_disposition(disposition)
        if field is None:
            raise MultiPartException('The Content-Disposition header field "name" must be provided.')
        self._charset = bytearray() if field == b"_charset_" and filename is None else None
        self._events.append(
            PartHead(
                decode_text(field, self._codec),
                None if filename is None else decode_text(filename, self._codec),
                headers,
                codec,
                size,
            )
        )

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])
        if self._charset is not None and len(self._charset) <= LONGEST_CHARSET:
            self._charset += data[start:end]

    def _end_part(self) -> None:
        if self._charset is not None:
            self._codec = text_codec(bytes(self._charset[:LONGEST_CHARSET]))
            self._charset = None
        self._events.append(END_OF_PART)

    def _end(self) -> None:
        self._has_ended = True
