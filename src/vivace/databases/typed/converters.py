"""What a field says, and how a driver's value becomes it.

Drivers differ: SQLite has text for dates, decimals, UUIDs and JSON and numbers for booleans, MySQL has decimals for
sums, numbers for booleans and a timedelta for TIME, PostgreSQL gives JSON as text. A converter takes all of these forms
and no others: what is not lossless is an error, never a guess. Messages hold types, not values, which may be secret.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import ipaddress
import pathlib
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from vivace.databases.values import aware_utc

Convert = Callable[[Any], Any]

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 (as SQLAlchemy stores an Interval on SQLite)


class Refused(Exception):
    """This value is not what the field says; the message says why, without the value."""


class Conversion:
    """How values become a field: those of type `exact` stay as they are, others go through `convert`."""

    __slots__ = ("convert", "exact", "nullable", "shown")

    def __init__(self, shown: str, exact: type | None, convert: Convert, *, nullable: bool = False) -> None:
        self.shown = shown
        self.exact = exact
        self.convert = convert
        self.nullable = nullable


def conversion_of(annotation: Any) -> Conversion:
    """The conversion to a type as annotated. Raises `TypeError` for one that no value of a database can become."""
    annotation = _without_names(annotation)
    if annotation is Any or annotation is object or isinstance(annotation, typing.TypeVar):
        return Conversion("Any", None, as_it_is, nullable=True)
    members = _members(annotation)
    if types.NoneType in members:
        rest = tuple(member for member in members if member is not types.NoneType)
        if not rest:
            return Conversion("None", types.NoneType, _refuse_all, nullable=True)
        inner = conversion_of(Union[rest])  # noqa: UP007 (a union of members only known now)
        return Conversion(f"{inner.shown} | None", inner.exact, inner.convert, nullable=True)
    shown = shown_type(annotation)
    if len(members) > 1:
        return Conversion(shown, None, _union(annotation, members))
    if get_origin(annotation) is Annotated:
        return _constrained(annotation)
    if annotation in _CONVERTERS:
        return Conversion(shown, annotation, _CONVERTERS[annotation])
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return Conversion(shown, annotation, _enumeration(annotation))
    if isinstance(annotation, type) and issubclass(annotation, _FROM_TEXT):
        return Conversion(shown, annotation, _from_text(annotation))
    return Conversion(shown, None, _structured(annotation))


def shown_type(annotation: Any) -> str:
    """A type as one writes it."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation.__qualname__
    return str(annotation).replace("typing.", "")


def _without_names(annotation: Any) -> Any:
    """What a `NewType` or a `type` alias stands for."""
    while True:
        if isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        elif get_origin(annotation) in (typing.Required, typing.NotRequired, typing.Final):
            annotation = get_args(annotation)[0]
        else:
            return annotation


def _members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (types.NoneType,) if annotation is None else (annotation,)


def as_it_is(value: Any) -> Any:
    """The value of a column that needs no converting."""
    return value


def _refuse_all(value: Any) -> Any:
    raise Refused("only NULL is expected")


def _boolean(value: Any) -> bool:
    if type(value) is int and (value == 0 or value == 1):
        return value == 1
    raise Refused("of numbers only 0 and 1 are booleans" if type(value) is int else "")


def _integer(value: Any) -> int:
    # A sum of integers is a decimal on PostgreSQL and MySQL.
    if type(value) is decimal.Decimal or type(value) is float:
        try:
            if int(value) == value:
                return int(value)
        except (ValueError, OverflowError):
            raise Refused("it is not finite") from None
        raise Refused("it has a fraction")
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise Refused


def _float(value: Any) -> float:
    if type(value) in (int, decimal.Decimal):
        return float(value)
    raise Refused


def _decimal(value: Any) -> decimal.Decimal:
    if type(value) in (int, float, str):
        try:
            return decimal.Decimal(str(value))
        except decimal.InvalidOperation:
            raise Refused("the text is no number") from None
    raise Refused


def _text(value: Any) -> str:
    if isinstance(value, str) and not isinstance(value, enum.Enum):
        return str(value)
    raise Refused


def _bytes(value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise Refused


def _datetime(value: Any) -> dt.datetime:
    if type(value) is str:
        try:
            return dt.datetime.fromisoformat(value)
        except ValueError:
            raise Refused("the text is no date and time of ISO 8601") from None
    if isinstance(value, dt.datetime):
        return value
    raise Refused


def _date(value: Any) -> dt.date:
    if type(value) is str:
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            raise Refused("the text is no date of ISO 8601") from None
    raise Refused


def _time(value: Any) -> dt.time:
    if type(value) is str:
        try:
            return dt.time.fromisoformat(value)
        except ValueError:
            raise Refused("the text is no time of ISO 8601") from None
    if type(value) is dt.timedelta:  # MySQL's TIME
        if dt.timedelta() <= value < dt.timedelta(days=1):
            return (_EPOCH + value).time()
        raise Refused("a time lies within one day; use timedelta")
    raise Refused


def _timedelta(value: Any) -> dt.timedelta:
    if type(value) is int:  # microseconds, as raw values and models have them on SQLite
        return dt.timedelta(microseconds=value)
    if type(value) is str:  # a moment after 1970, as SQLAlchemy has it there
        return _datetime(value) - _EPOCH
    raise Refused


def _uuid(value: Any) -> uuid.UUID:
    if isinstance(value, uuid.UUID):  # asyncpg has a quicker class of its own
        return value
    try:
        if type(value) is str:
            return uuid.UUID(value)
        if type(value) is bytes:
            return uuid.UUID(bytes=value)
    except ValueError:
        raise Refused("it is no UUID") from None
    raise Refused


_CONVERTERS: dict[Any, Convert] = {
    bool: _boolean,
    int: _integer,
    float: _float,
    decimal.Decimal: _decimal,
    str: _text,
    bytes: _bytes,
    bytearray: lambda value: bytearray(_bytes(value)),
    memoryview: lambda value: memoryview(_bytes(value)),
    dt.datetime: _datetime,
    dt.date: _date,
    dt.time: _time,
    dt.timedelta: _timedelta,
    uuid.UUID: _uuid,
}

# Classes whose constructor reads the text that `str()` gives.
_FROM_TEXT = (
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
    pathlib.PurePath,
)


def _from_text(kind: type) -> Convert:
    def convert(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        if type(value) is str:
            try:
                return kind(value)
            except ValueError:
                raise Refused(f"the text is no {kind.__name__}") from None
        raise Refused

    return convert


def _enumeration(kind: type[enum.Enum]) -> Convert:
    """By value; by name too, as SQLAlchemy's `Enum` columns hold names."""
    values: dict[Any, enum.Enum] = {member.value: member for member in kind if isinstance(member.value, (int, str))}

    def convert(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        member = values.get(value) if isinstance(value, (int, str, decimal.Decimal)) else None
        if member is None and isinstance(value, str):
            member = kind.__members__.get(value)
        if member is not None:
            return member
        try:
            return kind(value)
        except ValueError:
            raise Refused(f"it is no value of {kind.__name__}") from None

    return convert


def _union(annotation: Any, members: tuple[Any, ...]) -> Convert:
    """The member that the value is already, or else the first that it can become."""
    conversions = [conversion_of(member) for member in members]
    exact = {conversion.exact for conversion in conversions}

    def convert(value: Any) -> Any:
        if type(value) in exact:
            return value
        for conversion in conversions:
            try:
                return conversion.convert(value)
            except Refused:
                continue
        raise Refused

    return convert


def _constrained(annotation: Any) -> Conversion:
    """`Annotated[...]` with msgspec's constraints: converted, then checked."""
    base = conversion_of(get_args(annotation)[0])
    metas = [extra for extra in get_args(annotation)[1:] if isinstance(extra, msgspec.Meta)]
    if not metas:
        return base
    wants_zone = any(meta.tz is True for meta in metas)

    def convert(value: Any) -> Any:
        if base.exact is None or type(value) is not base.exact:
            value = base.convert(value)
        if wants_zone and isinstance(value, dt.datetime) and value.tzinfo is None:
            value = aware_utc(value)  # SQLite and MySQL hold moments in UTC, without saying so
        return _checked(value, annotation)

    return Conversion(base.shown, None, convert, nullable=base.nullable)


def _structured(annotation: Any) -> Convert:
    """Whatever msgspec knows: structs, dataclasses, lists, dicts, literals… from JSON text, arrays and composites."""
    if isinstance(msgspec.inspect.type_info(annotation), msgspec.inspect.CustomType):
        return _instance_of(get_origin(annotation) or annotation)
    reads_json = get_origin(annotation) is not typing.Literal
    decoder = msgspec.json.Decoder(annotation, dec_hook=_nested_instance)
    own_class = isinstance(annotation, type)

    def convert(value: Any) -> Any:
        if own_class and isinstance(value, annotation) and not isinstance(value, (list, tuple, dict, set, frozenset)):
            return value
        if reads_json and isinstance(value, (str, bytes)):
            try:
                return decoder.decode(value)
            except msgspec.ValidationError as error:
                raise Refused(f"in its JSON: {_message_of(error)}") from None
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise Refused("the text is not JSON") from None
        return _checked(_plain(value), annotation)

    return convert


def json_or_as_it_is(annotation: Any) -> Conversion:
    """Text becomes what its JSON says where something with parts is wanted; all else is left to who asked."""
    members = [get_origin(member) or member for member in _members(_without_names(annotation))]
    wants_parts = str not in members and any(isinstance(member, type) and _has_parts(member) for member in members)
    return Conversion(shown_type(annotation), None, _json if wants_parts else as_it_is, nullable=True)


def _has_parts(kind: type) -> bool:
    if issubclass(kind, (list, dict, set, frozenset, tuple)) or dataclasses.is_dataclass(kind):
        return True
    return typing.is_typeddict(kind) or hasattr(kind, "model_validate")


def _json(value: Any) -> Any:
    if not isinstance(value, (str, bytes)):
        return _plain(value)
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused("the text is not JSON") from None


def _nested_instance(kind: type, value: Any) -> Any:
    return _instance_of(kind)(value)


def _instance_of(kind: type) -> Convert:
    """A class that only an expression with a column type of its own can give."""
    validate: Any = getattr(kind, "model_validate", None)
    validate_json: Any = getattr(kind, "model_validate_json", None)

    def convert(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        if validate is None or not isinstance(value, (str, bytes, dict)):
            raise Refused
        try:
            return validate(value) if isinstance(value, dict) else validate_json(value)
        except ValueError as error:
            raise Refused(pydantic_message(error)) from None

    return convert


def pydantic_message(error: Any) -> str:
    """What pydantic found wrong, without the values that it shows."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}".lstrip(": ")


def _plain(value: Any) -> Any:
    """asyncpg's composites as dicts, also inside arrays."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "keys") and not isinstance(value, Mapping):
        return dict(value)
    return value


def _checked(value: Any, annotation: Any) -> Any:
    try:
        return msgspec.convert(value, annotation, dec_hook=_nested_instance)
    except msgspec.ValidationError as error:
        raise Refused(_message_of(error)) from None


def _message_of(error: msgspec.ValidationError) -> str:
    # "Invalid enum value 'x'" is the one message of msgspec that shows a value.
    message = str(error)
    if message.startswith("Invalid enum value"):
        return "no value of the enumeration" + message[message.rfind(" - at") :] * (" - at" in message)
    return message
