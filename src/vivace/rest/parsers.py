"""Reading a request's body by its content type."""

from __future__ import annotations

import json
from typing import Any

from vivace.rest.exceptions import ParseError
from vivace.web.exceptions import HTTPException
from vivace.web.requests import Request


class BaseParser:
    """Reads bodies of one media type."""

    media_type = "*/*"

    async def parse(self, request: Request[Any]) -> Any:
        """What the body holds. Raises ParseError."""
        raise NotImplementedError(f"{type(self).__name__}.parse() is needed")


class JSONParser(BaseParser):
    """JSON. An error says line and column."""

    media_type = "application/json"

    async def parse(self, request: Request[Any]) -> Any:
        try:
            return await request.json()
        except json.JSONDecodeError as error:
            raise ParseError(f"JSON parse error - {error}") from error


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
