"""Fields that hold uploaded files and the paths of files on the server."""

from __future__ import annotations

import asyncio
import io
import os
import re
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import urljoin

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.files import paths_below
from vivace.orm.files.content import chunks_of
from vivace.rest.fields.base import Field
from vivace.rest.fields.choice import ChoiceField


class FileField(Field):
    """An uploaded file; shown as its address, or as its name with `use_url=False`.

    The value is what the parser made (`vivace.web`'s UploadFile), as the ORM's FileField takes it.
    """

    needs_context = True
    default_error_messages: ClassVar = {
        "required": "No file was submitted.",
        "invalid": "The submitted data was not a file. Check the encoding type on the form.",
        "no_name": "No filename could be determined.",
        "empty": "The submitted file is empty.",
        "max_length": "Ensure this filename has at most {max_length} characters (it has {length}).",
    }

    def __init__(
        self, *, max_length: int | None = None, allow_empty_file: bool = False, use_url: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_length, self.allow_empty_file, self.use_url = max_length, allow_empty_file, use_url

    def to_internal_value(self, data: Any) -> Any:
        missing = object()
        name = getattr(data, "filename", missing)
        name = getattr(data, "name", missing) if name is missing else name
        size = getattr(data, "size", missing)
        if name is missing or size is missing:
            self.fail("invalid")
        if not name:
            self.fail("no_name")
        if not self.allow_empty_file and not size:
            self.fail("empty")
        if self.max_length is not None and len(str(name)) > self.max_length:
            self.fail("max_length", max_length=self.max_length, length=len(str(name)))
        return data

    def to_representation(self, value: Any) -> Any:
        if not value:
            return None
        if not self.use_url:
            return getattr(value, "name", None)
        try:
            url = value.url
        except AttributeError:
            return None
        request = self.context.get("request")
        return url if request is None else urljoin(str(request.url), url)


class ImageField(FileField):
    """An uploaded file that Pillow knows as an image; its pixels are not decoded. Needs Pillow: `vivace[images]`."""

    default_error_messages: ClassVar = {
        "invalid_image": "Upload a valid image. The file you uploaded was either not an image or a corrupted image.",
    }

    async def to_internal_value(self, data: Any) -> Any:
        """The file. Raises ValidationError for one that is no image, or pretends to have too many pixels."""
        upload = super().to_internal_value(data)
        content = b"".join([piece async for piece in chunks_of(upload)])
        if not await asyncio.to_thread(_is_image, content):
            self.fail("invalid_image")
        return upload


def _is_image(content: bytes) -> bool:
    try:
        from PIL import Image
    except ImportError as error:  # pragma: no cover - installed for the tests
        raise ModelDefinitionError("ImageField needs Pillow: pip install vivace[images]") from error
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.verify()
    except Exception:  # noqa: BLE001 - Pillow's readers raise what they like for broken files
        return False
    return True


class FilePathField(ChoiceField):
    """The path of one of the files below the folder `path` that `match`; the folder is read when it is asked about."""

    default_error_messages: ClassVar = {"invalid_choice": '"{input}" is not a valid path choice.'}

    def __init__(
        self,
        path: str | os.PathLike[str] | Callable[[], str],
        *,
        match: str | None = None,
        recursive: bool = False,
        allow_files: bool = True,
        allow_folders: bool = False,
        **kwargs: Any,
    ) -> None:
        if not allow_files and not allow_folders:
            raise ValueError("FilePathField takes nothing: allow_files or allow_folders must be True")
        self.path, self.match, self.recursive = path, None if match is None else re.compile(match), recursive
        self.allow_files, self.allow_folders = allow_files, allow_folders
        super().__init__((), **kwargs)

    @property
    def choices(self) -> dict[Any, Any]:
        """The paths there are now, each with its part below the folder."""
        return dict(
            paths_below(
                self.path,
                match=self.match,
                recursive=self.recursive,
                allow_files=self.allow_files,
                allow_folders=self.allow_folders,
            )
        )

    @choices.setter
    def choices(self, choices: Any) -> None:
        """The folder says which there are."""

    async def to_internal_value(self, data: Any) -> Any:
        """The path. Raises ValidationError for one that is not among them."""
        if data == "" and self.allow_blank:
            return ""
        if not isinstance(data, str) or data not in await asyncio.to_thread(lambda: self.choices):
            self.fail("invalid_choice", input=data)
        return data

    def to_representation(self, value: Any) -> Any:
        return None if value is None else str(value)
