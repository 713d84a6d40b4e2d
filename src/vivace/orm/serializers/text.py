"""`serialize` and `deserialize`: some objects as text, and text as objects."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Collection, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from vivace.orm.serializers.building import DeserializedObject, build
from vivace.orm.serializers.formats import Source, get_format, read_objects
from vivace.orm.serializers.records import Record, Recorder

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


class Sink(Protocol):
    """Where text is written to: an open file, `sys.stdout`."""

    def write(self, text: str, /) -> object: ...


async def serialize(
    format: str,
    queryset: Any,
    *,
    stream: Sink | None = None,
    fields: Collection[str] | None = None,
    indent: int | None = None,
    use_natural_foreign_keys: bool = False,
    use_natural_primary_keys: bool = False,
) -> Any:
    """The objects of a queryset, or of any iterable, as text (as a list of dicts in the format "python").

    With `stream`, which has `write()`, the text goes there, row by row; None is returned. `fields` names the fields to
    write.
    Source: https://docs.djangoproject.com/en/5.2/topics/serialization/
    Raises SerializerDoesNotExist for an unknown format, SerializationError for a value that it cannot say.
    """
    recorder = Recorder(
        fields=fields,
        use_natural_foreign_keys=use_natural_foreign_keys,
        use_natural_primary_keys=use_natural_primary_keys,
    )
    if format == "python":
        return [await recorder.record(each) async for each in objects_of(queryset, recorder)]
    into = io.StringIO() if stream is None else stream
    writer = RecordWriter(format, into, indent)
    async for each in objects_of(queryset, recorder):
        writer.write(await recorder.record(each))
    writer.close()
    return into.getvalue() if isinstance(into, io.StringIO) and stream is None else None


async def deserialize(
    format: str,
    stream_or_string: Any,
    *,
    using: Database | str | None = None,
    ignorenonexistent: bool = False,
    handle_forward_references: bool = False,
) -> AsyncIterator[DeserializedObject]:
    """Unsaved objects of a text, bytes or an open file.

        async for found in deserialize("json", text):
            await found.save()

    `using` is where natural keys are looked up. `ignorenonexistent` passes over models and fields that are not there;
    with `handle_forward_references`, a natural key that is not there yet can be looked up later
    (`save_deferred_fields`). Raises SerializerDoesNotExist and DeserializationError.
    """
    for record in records_of(format, stream_or_string):
        found = await build(
            record,
            using=using,
            ignorenonexistent=ignorenonexistent,
            handle_forward_references=handle_forward_references,
        )
        if found is not None:
            yield found


def records_of(format: str, given: Any) -> Iterable[Any]:
    """The records of a text, bytes or an open file, one by one."""
    if format == "python":
        return read_objects(given)
    source: Source
    if isinstance(given, bytes | bytearray | memoryview):
        source = io.StringIO(bytes(given).decode())
    elif isinstance(given, str):
        source = io.StringIO(given)
    else:
        source = given if isinstance(given.read(0), str) else io.TextIOWrapper(given, encoding="utf-8")
    return get_format(format).read(source)


class RecordWriter:
    """Writes records in a format, one by one; `close()` writes what ends the text."""

    def __init__(self, format: str, into: Sink, indent: int | None) -> None:
        self._format, self._into, self._indent, self.count = get_format(format), into, indent, 0
        into.write(self._format.begin(indent))

    def write(self, record: Record) -> None:
        """Write one record."""
        self._into.write(self._format.record(record, self._indent, self.count == 0))
        self.count += 1

    def close(self) -> None:
        """End the text."""
        self._into.write(self._format.end(self._indent, self.count == 0))


async def objects_of(given: Any, recorder: Recorder) -> AsyncIterator[Model]:
    """The objects, a chunk at a time in memory, with what their records need."""
    if hasattr(given, "get_queryset"):
        given = given.get_queryset()
    if hasattr(given, "iterator"):
        rows = given.prefetch_related(*recorder.relations_of(given.model))
        async for each in rows.iterator():
            yield each
    elif hasattr(given, "__aiter__"):
        async for each in given:
            yield each
    else:
        for each in given:
            yield each
