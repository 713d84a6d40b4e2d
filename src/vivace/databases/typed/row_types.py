"""What a type wants of a row, and how it is made: `into=`."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from vivace.databases.errors import InterfaceError
from vivace.databases.records import RecordShape
from vivace.databases.typed._decoder_cy import Column, RowDecoder
from vivace.databases.typed.converters import (
    Conversion,
    Refused,
    conversion_of,
    json_or_as_it_is,
    pydantic_message,
    shown_type,
)
from vivace.utils.suggest import did_you_mean

# Types that the rows of one shape are made into; more only if a program makes types as it runs.
_MAX_DECODERS = 64


def decoder_of(shape: RecordShape, into: Any) -> RowDecoder:
    """What makes objects of the type `into` of rows of this shape; kept with the shape.

    Raises `InterfaceError` when the columns do not fit the type, or nothing can be made into it.
    """
    decoder: RowDecoder | None = shape.decoders.get(into)
    if decoder is None:
        decoder = _new_decoder(shape, into)
        if len(shape.decoders) >= _MAX_DECODERS:
            shape.decoders.clear()
        shape.decoders[into] = decoder
    return decoder


class _Field(NamedTuple):
    """A field of a row type: `key` is what its constructor calls it, `names` what its column may be called."""

    key: str
    names: tuple[str, ...]
    conversion: Conversion
    required: bool = True


class _RowType(NamedTuple):
    fields: list[_Field]
    # None: the dict of the fields is the row.
    make: Callable[..., Any] | None
    # The fields that `make` takes without their names, in its order. None: it takes them as a dict.
    positional: Sequence[str] | None = None
    refuses_others: bool = False


def _new_decoder(shape: RecordShape, into: Any) -> RowDecoder:
    try:
        if (into is dict or get_origin(into) is dict) and (row := _row_of_dict(shape, into)) is not None:
            return row
        row_type = _row_type(into)
        if row_type is None:
            return _values_decoder(shape, into)
        return _fields_decoder(shape, into, row_type)
    except (TypeError, NameError) as error:  # NameError: of an annotation that is text
        raise InterfaceError(f"into={shown_type(into)} cannot be made of rows: {error}") from error


def _fields_decoder(shape: RecordShape, into: Any, row_type: _RowType) -> RowDecoder:
    columns: list[Column] = []
    missing: list[_Field] = []
    used: set[str] = set()
    for field in row_type.fields:
        name = next((name for name in field.names if name in shape.positions), None)
        if name is None:
            missing.append(field)
            continue
        used.add(name)
        columns.append(_column(shape, shape.positions[name], field, owner=shown_type(into)))
    lacking = next((field for field in missing if field.required), None)
    if lacking is not None:
        raise InterfaceError(
            f"{shown_type(into)} needs a column for {lacking.names[-1]!r}, which the rows do not have. "
            + did_you_mean(lacking.names[0], shape.names, listed_as="Columns")
        )
    if row_type.refuses_others and (others := [name for name in shape.names if name not in used]):
        raise InterfaceError(f"{shown_type(into)} forbids unknown fields, and the rows have a column {others[0]!r}")
    make = row_type.make
    keys = [column.key for column in columns]
    if make is None or row_type.positional is None:
        return RowDecoder(columns, make, named=True)
    if keys and keys == list(row_type.positional[: len(keys)]):
        return RowDecoder(columns, make, named=False)
    return RowDecoder(columns, _by_keywords(make), named=True)


def _column(shape: RecordShape, position: int, field: _Field, *, owner: str) -> Column:
    return Column(
        field.conversion,
        position=position,
        name=shape.names[position],
        key=field.key,
        field=f"{owner}.{field.key}" if field.key else owner,
        process=dict(shape.processors or ()).get(position),
    )


def _by_keywords(make: Callable[..., Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda fields: make(**fields)


def _row_of_dict(shape: RecordShape, into: Any) -> RowDecoder | None:
    """Rows as plain dicts: `into=dict`, `into=dict[str, Any]`."""
    key, value = get_args(into) or (str, Any)
    if key is not str:
        raise TypeError("the keys of a row are its column names, of the type str")
    return RowDecoder(
        [
            _column(shape, position, _Field(name, (name,), conversion_of(value)), owner="dict")
            for name, position in shape.positions.items()
        ],
        None,
        named=True,
    )


def _values_decoder(shape: RecordShape, into: Any) -> RowDecoder:
    """A tuple of columns (`into=tuple[int, str]`) or the only column itself (`into=int`)."""
    if get_origin(into) is tuple:
        annotations: Sequence[Any] = get_args(into)
        if len(annotations) == 2 and annotations[1] is ...:
            annotations = [annotations[0]] * len(shape.names)
        make: Callable[..., Any] | None = _tuple_of
    else:
        annotations, make = [into], None
    if len(annotations) != len(shape.names):
        raise InterfaceError(
            f"into={shown_type(into)} is for rows of {len(annotations)} "
            f"column{'s' * (len(annotations) != 1)}; these have: {', '.join(shape.names)}"
        )
    columns = [
        _column(shape, position, _Field("", (), conversion_of(annotation)), owner="")
        for position, annotation in enumerate(annotations)
    ]
    return RowDecoder(columns, make, named=False)


def _tuple_of(*values: Any) -> tuple[Any, ...]:
    return values


def _row_type(into: Any) -> _RowType | None:
    """What `into` wants; None for the type of a single value."""
    kind = get_origin(into) or into
    if not isinstance(kind, type):
        return None
    if issubclass(kind, msgspec.Struct):
        return _of_struct(into, kind)
    if dataclasses.is_dataclass(kind):
        return _of_dataclass(kind)
    if typing.is_typeddict(kind):
        return _of_typed_dict(kind)
    if issubclass(kind, tuple) and hasattr(kind, "_field_defaults"):
        return _of_named_tuple(kind)
    if hasattr(kind, "__pydantic_fields__") and hasattr(kind, "model_validate"):
        return _of_pydantic(kind)
    return None


def _of_struct(into: Any, kind: type[msgspec.Struct]) -> _RowType:
    fields = [
        # The name in JSON may differ from that of the column: `rename="camel"` for one, `first_name` for the other.
        _Field(field.name, (field.encode_name, field.name), conversion_of(field.type), field.required)
        for field in msgspec.structs.fields(into)
    ]
    return _RowType(fields, kind, _positional(kind), kind.__struct_config__.forbid_unknown_fields)


def _of_dataclass(kind: Any) -> _RowType:
    hints = get_type_hints(kind, include_extras=True)
    fields = []
    for field in dataclasses.fields(kind):
        if field.init:
            alias = field.metadata.get("alias", field.name)
            required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            fields.append(_Field(field.name, (alias, field.name), conversion_of(hints[field.name]), required))
    return _RowType(fields, kind, _positional(kind))


def _positional(kind: Any) -> list[str]:
    parameters = inspect.signature(kind).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]


def _of_typed_dict(kind: Any) -> _RowType:
    hints = get_type_hints(kind, include_extras=True)
    fields = []
    for name, annotation in hints.items():
        # `__required_keys__` does not see what the annotations say while these are text.
        marked = get_origin(annotation)
        required = marked is typing.Required or (name in kind.__required_keys__ and marked is not typing.NotRequired)
        fields.append(_Field(name, (name,), conversion_of(annotation), required))
    return _RowType(fields, None)


def _of_named_tuple(kind: Any) -> _RowType:
    hints = get_type_hints(kind, include_extras=True)
    fields = [
        _Field(name, (name,), conversion_of(hints.get(name, Any)), name not in kind._field_defaults)
        for name in kind._fields
    ]
    return _RowType(fields, kind, kind._fields)


def _of_pydantic(kind: Any) -> _RowType:
    """pydantic converts and checks the fields itself, but reads no JSON text."""
    fields = []
    for name, info in kind.__pydantic_fields__.items():
        alias = info.validation_alias if isinstance(info.validation_alias, str) else name
        fields.append(_Field(alias, (alias, name), json_or_as_it_is(info.annotation), info.is_required()))

    def make(values: dict[str, Any]) -> Any:
        try:
            return kind.model_validate(values)
        except ValueError as error:
            raise Refused(f"it is no {kind.__name__}: {pydantic_message(error)}") from None

    return _RowType(fields, make)
