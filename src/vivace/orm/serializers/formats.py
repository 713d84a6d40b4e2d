"""The formats: text of records, and records of text, both record by record."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Protocol

from vivace.orm.serializers.errors import DeserializationError, SerializationError, SerializerDoesNotExist
from vivace.utils.suggest import did_you_mean

# Characters read from a file at first; more for a record that is longer.
CHUNK = 64 * 1024


class Source(Protocol):
    """Where text is read from: an open file, `sys.stdin`."""

    def read(self, size: int = -1, /) -> str: ...


@dataclass(frozen=True)
class Format:
    """One way to write records: what comes first, each record (`is_first` or not), what comes last; and to read them.

    Everything is given the indent that was asked for, or None.
    """

    name: str
    begin: Callable[[int | None], str]
    record: Callable[[dict[str, Any], int | None, bool], str]
    end: Callable[[int | None, bool], str]
    read: Callable[[Source], Iterator[Any]]


def get_format(name: str) -> Format:
    """The format of a name. Raises SerializerDoesNotExist naming the nearest, or the package that it needs."""
    if name not in FORMATS:
        raise SerializerDoesNotExist(f'There is no format "{name}". {did_you_mean(name, FORMATS, listed_as="Formats")}')
    if name == "yaml":
        _yaml()
    return FORMATS[name]


def get_public_serializer_formats() -> list[str]:
    """The names of the formats."""
    return list(FORMATS)


def _plain(value: Any) -> Any:
    """What JSON has no word for, as Django writes it: milliseconds, and Z for UTC.

    But microseconds where there are some, which Django cuts off: a fixture may be all that is left of the rows.
    """
    if isinstance(value, dt.datetime):
        text = value.isoformat(timespec=_precision(value))
        return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
    if isinstance(value, dt.time):
        if value.utcoffset() is not None:
            raise SerializationError("JSON can't represent timezone-aware times.")
        return value.isoformat(timespec=_precision(value))
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Decimal | uuid.UUID):
        return str(value)
    raise SerializationError(f"{type(value).__name__} {value!r} cannot be written as JSON.")


def _precision(value: dt.datetime | dt.time) -> str:
    if not value.microsecond:
        return "seconds"
    return "microseconds" if value.microsecond % 1000 else "milliseconds"


# JSON


def _json_record(record: dict[str, Any], indent: int | None, is_first: bool) -> str:
    if indent:
        text = json.dumps(record, indent=indent, separators=(",", ": "), ensure_ascii=False, default=_plain)
        return f"\n{text}" if is_first else f",\n{text}"
    text = json.dumps(record, ensure_ascii=False, default=_plain)
    return text if is_first else f", {text}"


def _read_json(source: Source) -> Iterator[Any]:
    """The items of one array, each read and let go of before the next."""
    decode = json.JSONDecoder().raw_decode
    text, position, is_first = _more(source, "", 0), 0, True
    text, position = _skip(source, text, position, " \t\r\n\ufeff")
    if text[position : position + 1] != "[":
        raise DeserializationError("JSON fixtures are an array of objects: it should begin with [.")
    position += 1
    while True:
        text, position = _skip(source, text, position, " \t\r\n")
        following = text[position : position + 1]
        if following == "]":
            text, position = _skip(source, text, position + 1, " \t\r\n")
            if position < len(text):
                raise DeserializationError("There is something behind the array's closing ].")
            return
        if not is_first:
            if following != ",":
                raise DeserializationError(_unfinished(following, "a comma or ]"))
            text, position = _skip(source, text, position + 1, " \t\r\n")
            following = text[position : position + 1]
        if following != "{":
            raise DeserializationError(_unfinished(following, "an object"))
        item, text, position = _item(source, decode, text, position)
        yield item
        is_first = False


def _unfinished(found: str, wanted: str) -> str:
    return f"The array has {found!r} where {wanted} should be." if found else "The array has no end: half a file?"


def _item(
    source: Source, decode: Callable[[str, int], tuple[Any, int]], text: str, position: int
) -> tuple[Any, str, int]:
    """The object that begins at `position`, with the rest of the text."""
    size = CHUNK
    while True:
        try:
            item, end = decode(text, position)
        except RecursionError:
            raise DeserializationError("An object is nested too deeply.") from None
        except json.JSONDecodeError as error:
            # Broken, or not all of it is here. Reading twice as much each time keeps a long one from costing squares.
            more = source.read(size)
            if not more:
                raise DeserializationError(f"This is no JSON: {error.msg}, at {text[error.pos :][:40]!r}.") from error
            text, position, size = text[position:] + more, 0, size * 2
        else:
            return item, text, end


def _more(source: Source, text: str, position: int) -> str:
    return text[position:] + source.read(CHUNK)


def _skip(source: Source, text: str, position: int, blanks: str) -> tuple[str, int]:
    """Where the next character that is not blank is, with more text read if it takes that."""
    while True:
        while position < len(text) and text[position] in blanks:
            position += 1
        if position < len(text):
            return text, position
        text, position = source.read(CHUNK), 0
        if not text:
            return "", 0


# JSON lines


def _json_line(record: dict[str, Any], indent: int | None, is_first: bool) -> str:
    return json.dumps(record, separators=(",", ": "), ensure_ascii=False, default=_plain) + "\n"


def _read_json_lines(source: Source) -> Iterator[Any]:
    for number, line in enumerate(_lines(source), start=1):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DeserializationError(f"Line {number} is no JSON: {error}.") from error


def _lines(source: Source) -> Iterator[str]:
    rest = ""
    while chunk := source.read(CHUNK):
        # Not splitlines(): JSON may hold other ends of lines as they are.
        *lines, rest = (rest + chunk).split("\n")
        yield from lines
    yield rest


# YAML


@cache
def _yaml() -> Any:
    try:
        import yaml
    except ImportError:
        raise SerializerDoesNotExist("The format yaml needs PyYAML: pip install pyyaml.") from None
    return yaml


@cache
def _yaml_dumper() -> Any:
    yaml = _yaml()

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        def ignore_aliases(self, data: Any) -> bool:
            return True

    Dumper.add_representer(dict, lambda dumper, value: dumper.represent_mapping("tag:yaml.org,2002:map", value.items()))
    for kind in (Decimal, dt.time, uuid.UUID):  # which YAML has no word for
        Dumper.add_representer(kind, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:str", str(value)))
    Dumper.add_multi_representer(int, lambda dumper, value: dumper.represent_int(int(value)))
    return Dumper


def _yaml_record(record: dict[str, Any], indent: int | None, is_first: bool) -> str:
    yaml = _yaml()
    try:
        text: str = yaml.dump([record], Dumper=_yaml_dumper(), indent=indent, allow_unicode=True)
    except yaml.YAMLError as error:
        raise SerializationError(f"A value cannot be written as YAML: {error}") from error
    return text


def _read_yaml(source: Source) -> Iterator[Any]:
    yaml = _yaml()
    try:
        found = yaml.load(source, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DeserializationError(f"This is no YAML: {error}") from error
    if found is not None and not isinstance(found, list):
        raise DeserializationError("YAML fixtures are a list of records.")
    yield from found or ()


def read_objects(source: Iterable[Any] | Source) -> Iterator[Any]:
    """The format "python": records that are there already."""
    return iter(source)  # type: ignore[arg-type]


FORMATS = {
    "json": Format(
        "json",
        begin=lambda indent: "[",
        record=_json_record,
        end=lambda indent, is_empty: "\n]\n" if indent else "]",
        read=_read_json,
    ),
    "jsonl": Format(
        "jsonl",
        begin=lambda indent: "",
        record=_json_line,
        end=lambda indent, is_empty: "",
        read=_read_json_lines,
    ),
    "yaml": Format(
        "yaml",
        begin=lambda indent: "",
        record=_yaml_record,
        end=lambda indent, is_empty: "[]\n" if is_empty else "",
        read=_read_yaml,
    ),
}
