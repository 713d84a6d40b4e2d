"""Reading a request's body by its content type; `rest_framework.parsers`."""

from __future__ import annotations

import json
import re
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.parse import unquote

import msgspec

from vivace.rest.exceptions import ParseError
from vivace.web.datastructures import FormData, Headers, UploadFile
from vivace.web.exceptions import HTTPException
from vivace.web.formparsers import parse_media_type
from vivace.web.requests import Request

# RFC 8187: charset'language'percent-encoded; of the two charsets that it knows.
_EXTENDED_NAME = re.compile(r";\s*filename\*\s*=\s*(utf-8|iso-8859-1)'[\w-]*'([^;\s]+)", re.ASCII | re.IGNORECASE)


class BaseParser:
    """Reads bodies of one media type."""

    media_type = "*/*"

    async def parse(self, request: Request[Any]) -> Any:
        """What the body holds. Raises ParseError."""
        raise NotImplementedError(f"{type(self).__name__}.parse() is needed")


class JSONParser(BaseParser):
    """JSON. An error says line and column; what is nested too deep to be meant is one."""

    media_type = "application/json"

    async def parse(self, request: Request[Any]) -> Any:
        try:
            return await request.json()
        except json.JSONDecodeError as error:
            raise ParseError(f"JSON parse error - {error}") from error


class MessagePackParser(BaseParser):
    """MessagePack."""

    media_type = "application/msgpack"

    async def parse(self, request: Request[Any]) -> Any:
        try:
            return msgspec.msgpack.decode(await request.body())
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            raise ParseError(f"MessagePack parse error - {error}") from error


class FormParser(BaseParser):
    """An HTML form, urlencoded."""

    media_type = "application/x-www-form-urlencoded"

    async def parse(self, request: Request[Any]) -> Any:
        try:
            return await request.form()
        except HTTPException as error:
            if error.status_code != 400:
                raise
            raise ParseError(f"Form parse error - {error.detail}") from error


class MultiPartParser(FormParser):
    """An HTML form with files."""

    media_type = "multipart/form-data"


class FileUploadParser(BaseParser):
    """A body that is a file: `request.data["file"]`, whatever its type.

    Its name is the path parameter `filename`, else that of the Content-Disposition header. It is kept in memory until
    it is large, then on the disk.
    """

    media_type = "*/*"
    max_memory = 1024 * 1024
    no_filename = "Missing filename. Request should include a Content-Disposition header with a filename parameter."

    async def parse(self, request: Request[Any]) -> FormData:
        filename = self.get_filename(request)
        if not filename:
            raise ParseError(self.no_filename)
        kind = request.headers.get("content-type", "application/octet-stream")
        file: Any = SpooledTemporaryFile(max_size=self.max_memory)  # noqa: SIM115 (closed with the request's form)
        upload = UploadFile(file, size=0, filename=filename, headers=Headers({"content-type": kind}))
        try:
            async for chunk in request.stream():
                await upload.write(chunk)
            await upload.seek(0)
        except BaseException:
            await upload.close()
            raise
        request._form = FormData([("file", upload)])
        return request._form

    def get_filename(self, request: Request[Any]) -> str | None:
        """The name of the file, or None when the request has none."""
        named: str | None = request.path_params.get("filename")
        if named:
            return named
        disposition = request.headers.get("content-disposition", "")
        if (extended := _EXTENDED_NAME.search(disposition)) is not None:
            return unquote(extended[2], encoding=extended[1])
        _, parameters = parse_media_type(disposition)
        name = parameters.get(b"filename")
        return None if name is None else name.decode("utf-8", "replace")
