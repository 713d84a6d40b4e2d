"""`FileField`, `ImageField` and `FilePathField`: names of files in a column."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import os
import posixpath
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, overload

import sqlalchemy

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.base import Field
from vivace.orm.files.content import CHUNK, File, chunks_of, is_content, name_of
from vivace.orm.files.storage import Storage, get_default_storage, validated
from vivace.utils.fieldspec import Kind
from vivace.utils.validators import MaxLengthValidator, Validator

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.expressions.columns import Column


class FieldFile:
    """What `book.cover` is: the file of one object. False when there is none; everything that waits is awaited."""

    def __init__(self, instance: Model, field: FileField, name: str | None) -> None:
        self.instance, self.field, self.name = instance, field, name
        self.content: Any = None
        """What was assigned and is not stored yet."""

    @property
    def storage(self) -> Storage:
        """Where the file is."""
        return self.field.storage

    @property
    def committed(self) -> bool:
        """Whether the file is in the storage."""
        return self.content is None

    def _required(self) -> str:
        if not self.name:
            raise ValueError(f"The '{self.field.name}' attribute has no file associated with it.")
        return self.name

    @property
    def url(self) -> str:
        """Where a browser gets the file. Raises ValueError when there is none."""
        return self.storage.url(self._required())

    @property
    def path(self) -> str:
        """The file's path on this machine. Raises ValueError when there is no file."""
        return self.storage.path(self._required())

    async def size(self) -> int:
        """How many bytes the file has."""
        return await self.storage.size(self._required())

    async def open(self) -> File:
        """The file, for reading: `async with await book.cover.open() as file:`."""
        return await self.storage.open(self._required())

    async def read(self) -> bytes:
        """All that is in the file."""
        async with await self.open() as file:
            return await file.read()

    async def chunks(self, chunk_size: int = CHUNK) -> AsyncIterator[bytes]:
        """The file in pieces."""
        async with await self.open() as file:
            async for piece in file.chunks(chunk_size):
                yield piece

    async def save(self, name: str, content: Any, save: bool = True) -> None:
        """Stores `content` under a name like `name`, and saves the object unless `save=False`."""
        found = self.field.generate_filename(self.instance, name)
        self.name = await self.storage.save(found, content, max_length=self.field.max_length)
        self.content = None
        await self.field.stored(self)
        if save:
            await self.instance.save()

    asave = save

    async def delete(self, save: bool = True) -> None:
        """Deletes the file, and saves the object without it unless `save=False`."""
        if not self:
            return
        if self.committed:
            await self.storage.delete(self._required())
        self.name = self.content = None
        await self.field.stored(self)
        if save:
            await self.instance.save()

    adelete = delete

    async def commit(self) -> None:
        """Stores what was assigned; called when the object is saved."""
        if self.content is not None:
            await self.save(name_of(self.content) or self.name or "file", self.content, save=False)

    def __bool__(self) -> bool:
        return bool(self.name)

    def __str__(self) -> str:
        return self.name or ""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FieldFile):
            return self.name == other.name
        return (self.name or "") == (other or "")

    def __hash__(self) -> int:
        return hash(self.name or "")

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.committed:
            raise TypeError(f"{self!r} is not stored yet, so it cannot be pickled: save the object first")
        return (_restored, (type(self), self.instance, self.field.name, self.name))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name or 'None'}>"


def _restored(cls: type[FieldFile], instance: Model, field: str, name: str | None) -> FieldFile:
    return cls(instance, instance._meta.forward[field], name)  # type: ignore[arg-type]


class FileAttribute:
    """The attribute of a file field: names become `FieldFile`s, contents are kept until the object is saved."""

    def __init__(self, field: FileField) -> None:
        self.field = field

    def __get__(self, instance: Model | None, owner: type[Model]) -> Any:
        if instance is None:
            # Asked for on the class: its metaclass has the columns of all fields.
            raise AttributeError(self.field.name)
        try:
            value = instance.__dict__[self.field.attname]
        except KeyError:
            # What a deferred field says is the class's own __getattr__'s.
            raise AttributeError(f"'{owner.__name__}' object has no attribute '{self.field.name}'") from None
        if isinstance(value, FieldFile) and value.instance is instance:
            return value
        return self._wrapped(instance, value)

    def _wrapped(self, instance: Model, value: Any) -> Any:
        if hasattr(value, "freeze") or hasattr(value, "expression"):
            return value
        attribute = self.field.attr_class(instance, self.field, None)
        if isinstance(value, FieldFile):
            attribute.name, attribute.content = value.name, value.content
        elif is_content(value):
            attribute.name, attribute.content = name_of(value) or self.field.name, value
        else:
            attribute.name = None if value is None else str(value)
        instance.__dict__[self.field.attname] = attribute
        return attribute

    def __set__(self, instance: Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class FileField(Field[Any]):
    """The name of a file in a storage, at most 100 characters long unless said otherwise.

    `upload_to` is a folder, in which `%Y` and the like are the date's, or a function of the object and the file's name.
    Assign a file (`File`, an upload, an open binary file): saving the object stores it. See
    https://docs.djangoproject.com/en/5.2/ref/models/fields/#filefield.
    """

    kind: ClassVar[Kind] = "file"
    attr_class: ClassVar[type[FieldFile]] = FieldFile
    empty_strings_allowed = True

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Model]) -> Column[str]: ...
        @overload
        def __get__(self, instance: Model, owner: type[Model]) -> FieldFile: ...
        @overload
        def __get__(self, instance: object, owner: type[Any]) -> Self: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...

    def __init__(
        self,
        verbose_name: str | None = None,
        *,
        upload_to: str | os.PathLike[str] | Callable[[Any, str], str] = "",
        storage: Storage | Callable[[], Storage] | None = None,
        max_length: int = 100,
        **options: Any,
    ) -> None:
        if options.get("primary_key"):
            raise ModelDefinitionError("A FileField cannot be a primary key")
        if not callable(upload_to):
            upload_to = os.fspath(upload_to)
            if upload_to.startswith("/"):
                raise ModelDefinitionError(f"upload_to={upload_to!r} must be a folder of the storage, without a slash")
        if storage is not None and not isinstance(storage, Storage) and not callable(storage):
            raise ModelDefinitionError(f"storage is a Storage or a function that returns one, got {storage!r}")
        super().__init__(verbose_name, max_length=max_length, **options)
        self.upload_to, self._storage = upload_to, storage

    @property
    def storage(self) -> Storage:
        """The given storage, else the default one. Raises ORMError when there is neither."""
        if self._storage is None:
            return get_default_storage()
        return self._storage if isinstance(self._storage, Storage) else self._storage()

    @property
    def validators(self) -> list[Validator]:
        return [*super().validators, MaxLengthValidator(self.max_length)]

    def descriptor(self) -> FileAttribute:
        """What stands on the class."""
        return FileAttribute(self)

    def generate_filename(self, instance: Any, filename: str) -> str:
        """The path in the storage for a file that somebody called `filename`."""
        if callable(self.upload_to):
            found = os.fspath(self.upload_to(instance, filename))
        else:
            folder = dt.datetime.now(dt.UTC).strftime(str(self.upload_to))
            found = posixpath.join(folder, posixpath.basename(filename.replace("\\", "/")))
        return self.storage.generate_filename(validated(found, allow_folders=True))

    async def stored(self, file: FieldFile) -> None:
        """Called when the file of an object has changed."""
        setattr(file.instance, self.attname, file)

    async def before_save(self, instance: Model, named: Sequence[Field[Any]] | None, database: Database) -> None:
        """Stores what was assigned. The row is written afterwards: it never names a file that is not there."""
        if self.attname in instance.__dict__ and (named is None or self in named):
            file = getattr(instance, self.attname)
            if isinstance(file, FieldFile):
                await file.commit()

    def run_validators(self, value: Any) -> None:
        # Validators get the file, whose length is its name's.
        super().run_validators(_Named(value) if isinstance(value, FieldFile) else value)

    def to_python(self, value: Any) -> Any:
        return value

    def clean(self, value: Any, instance: Model | None = None) -> Any:
        if instance is not None and not isinstance(value, FieldFile):
            value = getattr(instance, self.attname)
        return super().clean(value, instance)

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value.__class__ is str:
            return value
        if not isinstance(value, FieldFile):
            stored = not is_content(value)
            name: str | None = str(value)
        else:
            stored = value.committed
            name = value.name if self.null else str(value)
        if not stored:
            raise ValueError(
                f"Field “{self.name}” has a file that is not stored yet: save the object, or await "
                f"obj.{self.name}.commit() before bulk_create()"
            )
        return name

    def value_to_string(self, instance: Model) -> str:
        return str(getattr(instance, self.attname))

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.String(self.max_length)


class _Named:
    """A file as validators see it: `len()` is the name's, everything else the file's."""

    def __init__(self, file: FieldFile) -> None:
        self._file = file

    def __len__(self) -> int:
        return len(self._file.name or "")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __str__(self) -> str:
        return str(self._file)

    def __eq__(self, other: object) -> bool:
        return self._file == other

    def __hash__(self) -> int:
        return hash(self._file)


class ImageFieldFile(FieldFile):
    """The image of one object."""

    async def dimensions(self) -> tuple[int, int] | None:
        """Width and height in pixels; None when there is no image, or it is none. Needs Pillow."""
        if not self:
            return None
        source = self.content if not self.committed else await self.open()
        return await _dimensions(source)


async def _dimensions(source: Any) -> tuple[int, int] | None:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:  # pragma: no cover - installed for the tests
        raise ModelDefinitionError("ImageField needs Pillow: pip install vivace[images]") from error
    data = b"".join([piece async for piece in chunks_of(source)])

    def measured() -> tuple[int, int] | None:
        try:
            with Image.open(io.BytesIO(data)) as image:
                return image.size
        except (UnidentifiedImageError, Image.DecompressionBombError, OSError):
            return None

    return await asyncio.to_thread(measured)


class ImageField(FileField):
    """A file that is an image; `width_field` and `height_field` name fields that get its size when it is stored."""

    kind = "image"
    attr_class = ImageFieldFile

    def __init__(
        self,
        verbose_name: str | None = None,
        *,
        width_field: str | None = None,
        height_field: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(verbose_name, **options)
        self.width_field, self.height_field = width_field, height_field

    async def stored(self, file: FieldFile) -> None:
        await super().stored(file)
        if self.width_field is None and self.height_field is None:
            return
        assert isinstance(file, ImageFieldFile)
        size = await file.dimensions()
        for name, value in zip((self.width_field, self.height_field), size or (None, None), strict=True):
            if name is not None:
                setattr(file.instance, name, value)


class FilePathField(Field[str]):
    """The path of a file below the folder `path`, which may be a function; `choices` lists those that `match`."""

    kind: ClassVar[Kind] = "file_path"
    empty_strings_allowed = True

    def __init__(
        self,
        verbose_name: str | None = None,
        *,
        path: str | os.PathLike[str] | Callable[[], str] = "",
        match: str | None = None,
        recursive: bool = False,
        allow_files: bool = True,
        allow_folders: bool = False,
        max_length: int = 100,
        **options: Any,
    ) -> None:
        if not allow_files and not allow_folders:
            raise ModelDefinitionError("FilePathField must have allow_files or allow_folders set to True")
        super().__init__(verbose_name, max_length=max_length, **options)
        self.path, self.match, self.recursive = path, match, recursive
        self.allow_files, self.allow_folders = allow_files, allow_folders

    @property
    def validators(self) -> list[Validator]:
        return [*super().validators, MaxLengthValidator(self.max_length)]

    async def paths(self) -> list[tuple[str, str]]:
        """The paths there are now, each with its part below the folder, in order: what a form offers."""
        return await asyncio.to_thread(self._paths)

    def _paths(self) -> list[tuple[str, str]]:
        return paths_below(
            self.path,
            match=None if self.match is None else re.compile(self.match),
            recursive=self.recursive,
            allow_files=self.allow_files,
            allow_folders=self.allow_folders,
        )

    def to_python(self, value: Any) -> Any:
        return None if value is None else os.fspath(value) if isinstance(value, os.PathLike) else str(value)

    def get_prep_value(self, value: Any) -> Any:
        return self.to_python(value)

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.String(self.max_length)


def paths_below(
    path: str | os.PathLike[str] | Callable[[], str],
    *,
    match: re.Pattern[str] | None,
    recursive: bool,
    allow_files: bool,
    allow_folders: bool,
) -> list[tuple[str, str]]:
    """The paths below a folder whose name has `match` in it, each with its part below the folder, in order."""
    folder = os.fspath(path() if callable(path) else path)
    found: list[str] = []
    for parent, folders, files in os.walk(folder):
        names = [*(files if allow_files else ()), *(folders if allow_folders else ())]
        found += [
            os.path.join(parent, name)
            for name in names
            if name != "__pycache__" and (match is None or match.search(name))
        ]
        if not recursive:
            break
    return [(each, os.path.relpath(each, folder)) for each in sorted(found)]
