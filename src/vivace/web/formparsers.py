"""Forms, parsed while they arrive (names as in `starlette.formparsers`).

Multipart is split by python-multipart; what we add is limits, text decoding that never fails, and files that
are written beyond the event loop.
"""

from __future__ import annotations

import codecs
import warnings
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum, EnumMeta
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import anyio
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from vivace.web.datastructures import FormData, Headers, UploadFile
from vivace.web.datastructures._multidict import unquote_bytes
from vivace.web.exceptions import HTTPException, StarletteDeprecationWarning

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# Encodings of which decoding can fail in other ways than UnicodeDecodeError, is slow, or warns.
_UNFIT_CODECS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7", "oem"})


class MultiPartException(HTTPException):
    """The form is broken or beyond a limit. Left alone it becomes a 400 response with `message` as its text."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)
        self.message = message


def parse_media_type(value: str) -> tuple[str, dict[bytes, bytes]]:
    """A Content-Type in lower case and its parameters. Never raises: what cannot be read is not there."""
    media_type, parameters = parse_options_header(value.encode("latin-1", "replace"))
    return media_type.decode("latin-1"), parameters


def _text_codec(charset: bytes) -> str:
    try:
        codec = codecs.lookup(charset.decode("latin-1"))
    except (LookupError, ValueError):
        return "latin-1"
    is_text: bool = getattr(codec, "_is_text_encoding", True)
    return codec.name if is_text and codec.name not in _UNFIT_CODECS else "latin-1"


class FormParser:
    """Parses an urlencoded form as the URL standard says: percent-encoding of UTF-8, U+FFFD for what is none."""

    def __init__(
        self,
        headers: Headers,
        stream: AsyncGenerator[bytes, None],
        *,
        max_fields: float = 1000,
        max_part_size: int = 1024 * 1024,
    ) -> None:
        self.headers = headers
        self.stream = stream
        self.max_fields = max_fields
        self.max_part_size = max_part_size
        self._items: list[tuple[str, str | UploadFile]] = []
        self._current_fields = 0

    async def parse(self) -> FormData:
        """Reads the stream to its end. Raises `MultiPartException` beyond the limits."""
        begun = bytearray()  # of the field that the next chunk continues
        async with aclosing(self.stream) as stream:
            async for chunk in stream:
                start = 0
                # Field by field, so that a limit stops the work in the middle of a large chunk.
                while (end := chunk.find(b"&", start)) >= 0:
                    self._add(bytes(begun) + chunk[start:end])
                    begun.clear()
                    start = end + 1
                self._check_size(len(begun) + len(chunk) - start)
                begun += chunk[start:]
        self._add(bytes(begun))
        return FormData(self._items)

    def _check_size(self, size: int) -> None:
        if size > self.max_part_size + 1:  # the equals sign is not counted
            raise MultiPartException(f"Field exceeded maximum size of {int(self.max_part_size / 1024)}KB.")

    def _add(self, piece: bytes) -> None:
        if not piece:
            return
        name, _, value = piece.partition(b"=")
        self._check_size(len(name) + len(value) + 1)
        self._current_fields += 1
        if self._current_fields > self.max_fields:
            raise MultiPartException(f"Too many fields. Maximum number of fields is {self.max_fields}.")
        self._items.append((unquote_bytes(name), unquote_bytes(value)))


@dataclass
class MultipartPart:
    """The part that is being read: a field gathers `data`, a file is written to."""

    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    field_name: str = ""
    data: bytearray = field(default_factory=bytearray)
    file: UploadFile | None = None


class MultiPartParser:
    """Parses a multipart form. Files stay in memory up to `spool_max_size`, then go to a temporary file."""

    spool_max_size = 1024 * 1024
    max_part_size = 1024 * 1024

    def __init__(
        self,
        headers: Headers,
        stream: AsyncGenerator[bytes, None],
        *,
        max_files: float = 1000,
        max_fields: float = 1000,
        max_part_size: int = 1024 * 1024,
    ) -> None:
        self.headers = headers
        self.stream = stream
        self.max_files = max_files
        self.max_fields = max_fields
        self.max_part_size = max_part_size
        self.items: list[tuple[str, str | UploadFile]] = []
        self._charset = "utf-8"
        self._part = MultipartPart()
        self._header_name = b""
        self._header_value = b""
        self._fields = 0
        self._files: list[UploadFile] = []
        # What this chunk of the body brought for files: written after the parser, which cannot wait, has returned.
        self._to_write: list[tuple[UploadFile, bytearray]] = []
        self._to_rewind: list[UploadFile] = []

    async def parse(self) -> FormData:
        """Reads the stream to its end. Raises `MultiPartException`; whatever is raised, no file is left open."""
        try:
            parser = self._parser()
            async with aclosing(self.stream) as stream:
                async for chunk in stream:
                    parser.write(chunk)
                    await self._write_files()
            parser.finalize()
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                for file in self._files:
                    await file.close()
            if isinstance(error, FormParserError):
                raise MultiPartException("Invalid multipart data.") from error
            raise
        return FormData(self.items)

    def _parser(self) -> MultipartParser:
        _, parameters = parse_media_type(self.headers.get("content-type", ""))
        self._charset = _text_codec(parameters.get(b"charset", b"utf-8"))
        if b"boundary" not in parameters:
            raise MultiPartException("Missing boundary in multipart.")
        callbacks: MultipartCallbacks = {
            "on_part_begin": self.on_part_begin,
            "on_part_data": self.on_part_data,
            "on_part_end": self.on_part_end,
            "on_header_field": self.on_header_field,
            "on_header_value": self.on_header_value,
            "on_header_end": self.on_header_end,
            "on_headers_finished": self.on_headers_finished,
        }
        return MultipartParser(parameters[b"boundary"], callbacks)

    async def _write_files(self) -> None:
        for file, data in self._to_write:
            await file.write(bytes(data))
        for file in self._to_rewind:
            await file.seek(0)
        self._to_write.clear()
        self._to_rewind.clear()

    def on_part_begin(self) -> None:
        self._part = MultipartPart()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def on_header_end(self) -> None:
        self._part.headers.append((self._header_name.lower(), self._header_value))
        self._header_name = self._header_value = b""

    def on_headers_finished(self) -> None:
        options = self._disposition()
        if b"name" not in options:
            raise MultiPartException('The Content-Disposition header field "name" must be provided.')
        self._part.field_name = self._decode(options[b"name"])
        if b"filename" in options:
            self._begin_file(self._decode(options[b"filename"]))
            return
        self._fields += 1
        if self._fields > self.max_fields:
            raise MultiPartException(f"Too many fields. Maximum number of fields is {self.max_fields}.")

    def _disposition(self) -> dict[bytes, bytes]:
        for name, value in reversed(self._part.headers):
            if name == b"content-disposition":
                return parse_media_type(value.decode("latin-1"))[1]
        return {}

    def _begin_file(self, filename: str) -> None:
        if len(self._files) >= self.max_files:
            raise MultiPartException(f"Too many files. Maximum number of files is {self.max_files}.")
        spooled = SpooledTemporaryFile(max_size=self.spool_max_size)  # noqa: SIM115 (the form closes it)
        headers = Headers(raw=self._part.headers)
        self._part.file = UploadFile(cast("BinaryIO", spooled), size=0, filename=filename, headers=headers)
        self._files.append(self._part.file)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part.file is None:
            if len(part.data) + end - start > self.max_part_size:
                raise MultiPartException(f"Part exceeded maximum size of {int(self.max_part_size / 1024)}KB.")
            part.data += data[start:end]
        elif self._to_write and self._to_write[-1][0] is part.file:
            # The parser cuts wherever a boundary could begin; one write, and one thread hop, a chunk is enough.
            self._to_write[-1][1].extend(data[start:end])
        else:
            self._to_write.append((part.file, bytearray(data[start:end])))

    def on_part_end(self) -> None:
        part = self._part
        if part.file is None:
            self.items.append((part.field_name, self._decode(part.data)))
        else:
            self._to_rewind.append(part.file)
            self.items.append((part.field_name, part.file))

    def _decode(self, data: bytes | bytearray) -> str:
        try:
            return data.decode(self._charset)
        except UnicodeDecodeError:
            return data.decode("latin-1")


class _WarnsOfUse(EnumMeta):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        message = f"`{cls.__name__}` is deprecated and will be removed in a future version."
        warnings.warn(message, StarletteDeprecationWarning, stacklevel=2)
        return super().__call__(*args, **kwargs)


class FormMessage(Enum, metaclass=_WarnsOfUse):
    """What an urlencoded form is made of. Nothing uses it; it is here because old code imports it."""

    FIELD_START = 1
    FIELD_NAME = 2
    FIELD_DATA = 3
    FIELD_END = 4
    END = 5
