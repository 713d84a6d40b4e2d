"""A column of a live database as the model field that would make it: its class, its options, and what is a guess."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from vivace.orm.migrations.inspection import LiveTable

LINE = 90
_SHORT_UUID = 32
_RANGES: dict[type[Any], str] = {
    postgresql.INT4RANGE: "postgresql.IntegerRangeField",
    postgresql.INT8RANGE: "postgresql.BigIntegerRangeField",
    postgresql.NUMRANGE: "postgresql.DecimalRangeField",
    postgresql.DATERANGE: "postgresql.DateRangeField",
    postgresql.TSTZRANGE: "postgresql.DateTimeRangeField",
    postgresql.TSVECTOR: "postgresql.SearchVectorField",
}


@dataclass
class FieldCall:
    """`models.CharField(max_length=20)` in the making: `options` are Python source; `note` becomes a comment."""

    kind: str
    options: dict[str, str] = field(default_factory=dict)
    note: str | None = None
    arguments: tuple[str, ...] = ()

    def source(self) -> str:
        """The call as it stands in a model."""
        module = "" if self.kind.startswith("postgresql.") else "models."
        given = [*self.arguments, *(f"{name}={value}" for name, value in self.options.items())]
        return call(f"{module}{self.kind}", given)


def call(name: str, arguments: Sequence[str]) -> str:
    """A call as source, on one line if it fits."""
    line = f"{name}({', '.join(arguments)})"
    if len(line) <= LINE:
        return line
    inner = "".join(f"    {argument},\n".replace("\n    ", "\n        ") for argument in arguments)
    return f"{name}(\n{inner})"


def quoted(text: str) -> str:
    """A string as source."""
    return f'"{text}"' if text.isprintable() and not set(text) & {'"', "\\"} else repr(text)


def field_for(table: LiveTable, column: Mapping[str, Any], dialect: str) -> FieldCall:
    """The field of one column, without what keys and indexes say about it."""
    name = column["name"]
    call = _of_type(column["type"], dialect)
    call = _of_check(table, name, call)
    if column.get("computed"):
        return _generated(table, column, call)
    if table.primary_key == (name,):
        return _primary_key(column, call, dialect)
    if column["nullable"] and name not in table.primary_key:
        call.options["null"] = "True"
        if call.kind in ("CharField", "TextField"):
            call.options["blank"] = "True"
    default = _default(column.get("default"), call.kind, dialect)
    if default is not None:
        call.options["db_default"] = default
    if column.get("comment"):
        call.options["db_comment"] = quoted(column["comment"])
    return call


def _primary_key(column: Mapping[str, Any], call: FieldCall, dialect: str) -> FieldCall:
    autos = {"BigIntegerField": "BigAutoField", "IntegerField": "AutoField", "SmallIntegerField": "SmallAutoField"}
    if dialect == "sqlite" and type(column["type"]) is sa.INTEGER:
        call.kind = "BigAutoField"  # an INTEGER PRIMARY KEY counts up, and has 64 bits
    elif column.get("identity") or column.get("autoincrement") is True:
        call.kind = autos.get(call.kind, call.kind)
    call.options["primary_key"] = "True"
    return call


def _generated(table: LiveTable, column: Mapping[str, Any], call: FieldCall) -> FieldCall:
    computed = column["computed"]
    options = {
        "expression": f"models.RawSQL({_sql(computed['sqltext'])})",
        "output_field": call.source(),
        "db_persist": str(bool(computed.get("persisted"))),
    }
    required = any(_bare(sql) == f"{column['name']} is not null" for _, sql in table.checks)
    if not required:
        options["null"] = "True"
    return FieldCall("GeneratedField", options, call.note)


def _of_check(table: LiveTable, name: str, call: FieldCall) -> FieldCall:
    """Types that databases keep as another type with a check: numbers from zero on, JSON."""
    for _, sql in table.checks:
        bare = _bare(sql)
        if bare == f"{name} >= 0" and call.kind in ("IntegerField", "BigIntegerField", "SmallIntegerField"):
            call.kind = f"Positive{call.kind}"
        elif call.kind == "TextField" and bare.startswith(f"json_valid({name})"):
            call.kind, call.options = "JSONField", {}
    return call


def is_said_by_field(table: LiveTable, sql: str) -> bool:
    """Whether a check is one that a field brings along."""
    bare = _bare(sql)
    return any(
        (bare == f"{name} >= 0" and isinstance(column["type"], sa.Integer))
        or bare.startswith(f"json_valid({name})")
        or (bare == f"{name} is not null" and column.get("computed"))
        for name, column in table.columns.items()
    )


def _bare(sql: str) -> str:
    """A check without quotes and parentheses around it, in lower case."""
    text = " ".join(re.sub(r'["`]', "", sql).split()).lower()
    while text.startswith("(") and text.endswith(")") and _closes_at_the_end(text):
        text = text[1:-1].strip()
    return text


def _closes_at_the_end(text: str) -> bool:
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return position == len(text) - 1
    return False


def _sql(sql: str) -> str:
    """SQL as the source of RawSQL's first argument."""
    text = " ".join(str(sql).split()).replace("%", "%%")
    return quoted(text)


def raw_condition(sql: str) -> str:
    """SQL that is true or not, as an expression of a model."""
    return f"models.RawSQL({_sql(sql)}, (), models.BooleanField())"


def raw_expression(sql: str) -> str:
    """SQL that gives a value, as an expression of a model."""
    return f"models.RawSQL({_sql(sql)})"


# --- types


def _of_type(type_: sa.types.TypeEngine[Any], dialect: str) -> FieldCall:
    if isinstance(type_, postgresql.ARRAY):
        return _array(type_, dialect)
    for kind, name in _RANGES.items():
        if isinstance(type_, kind):
            return FieldCall(name)
    if isinstance(type_, sa.types.Enum):
        return _enum(type_)
    if isinstance(type_, (sa.Integer, mysql.BIT)):
        return _integer(type_)
    if isinstance(type_, sa.types.Uuid):
        return FieldCall("UUIDField")
    if isinstance(type_, sa.types.String):
        return _text(type_)
    return _other(type_)


def _array(type_: postgresql.ARRAY[Any], dialect: str) -> FieldCall:
    inner = _of_type(type_.item_type, dialect)
    for _ in range((type_.dimensions or 1) - 1):
        inner = FieldCall("postgresql.ArrayField", arguments=(inner.source(),))
    return FieldCall("postgresql.ArrayField", note=inner.note, arguments=(inner.source(),))


def _enum(type_: sa.types.Enum) -> FieldCall:
    values = [str(value) for value in type_.enums]
    choices = "[" + ", ".join(f"({quoted(value)}, {quoted(value)})" for value in values) + "]"
    options = {"max_length": str(max([1, *map(len, values)])), "choices": choices}
    return FieldCall("CharField", options, "An enumeration of the database.")


def _integer(type_: Any) -> FieldCall:
    if isinstance(type_, mysql.TINYINT) and getattr(type_, "display_width", None) == 1:
        return FieldCall("BooleanField")
    if isinstance(type_, mysql.BIT):
        return FieldCall("BinaryField", note="A field of bits; this type is a guess.")
    positive = "Positive" if getattr(type_, "unsigned", False) else ""
    if isinstance(type_, sa.BigInteger):
        return FieldCall(f"{positive}BigIntegerField")
    if isinstance(type_, (sa.SmallInteger, mysql.TINYINT)):
        return FieldCall(f"{positive}SmallIntegerField")
    return FieldCall(f"{positive}IntegerField")


def _text(type_: sa.types.String) -> FieldCall:
    # What the whole table has is not said for each column.
    collation: dict[str, str] = {}
    if isinstance(type_, (sa.types.CHAR, sa.types.NCHAR)) and type_.length == _SHORT_UUID:
        return FieldCall("UUIDField", note="32 characters; a CharField if it holds no UUIDs.")
    if isinstance(type_, (sa.types.Text, sa.types.UnicodeText)) or _is_long(type_):
        return FieldCall("TextField", collation)
    length = {} if type_.length is None else {"max_length": str(type_.length)}
    return FieldCall("CharField", {**length, **collation})


def _is_long(type_: Any) -> bool:
    return isinstance(type_, (mysql.LONGTEXT, mysql.MEDIUMTEXT, mysql.TINYTEXT))


def _other(type_: Any) -> FieldCall:
    if isinstance(type_, sa.types.Boolean):
        return FieldCall("BooleanField")
    if isinstance(type_, sa.types.Float):
        return FieldCall("FloatField")
    if isinstance(type_, sa.types.Numeric):
        if type_.precision is None:
            options = {"max_digits": "65", "decimal_places": "30"}
            return FieldCall("DecimalField", options, "The database does not limit it; max_digits is a guess.")
        options = {"max_digits": str(type_.precision), "decimal_places": str(type_.scale or 0)}
        return FieldCall("DecimalField", options)
    simple: tuple[tuple[Any, str], ...] = (
        (sa.types.DateTime, "DateTimeField"),
        (sa.types.Date, "DateField"),
        (sa.types.Time, "TimeField"),
        ((sa.types.Interval, postgresql.INTERVAL), "DurationField"),
        (sa.types.JSON, "JSONField"),
        (sa.types.LargeBinary, "BinaryField"),
        ((sa.types.BINARY, sa.types.VARBINARY, mysql.LONGBLOB, mysql.MEDIUMBLOB, mysql.TINYBLOB), "BinaryField"),
        (postgresql.INET, "GenericIPAddressField"),
    )
    for kinds, name in simple:
        if isinstance(type_, kinds):
            return FieldCall(name)
    if type(type_).__name__.upper() == "UUID":
        return FieldCall("UUIDField")
    return FieldCall("TextField", note=f"This field type is a guess: {type_!r}.")


# --- defaults


def _default(sql: str | None, kind: str, dialect: str) -> str | None:
    """What the database gives a column, as Python source; None for nothing."""
    if sql is None or sql.upper() == "NULL" or sql.startswith(("NULL::", "nextval(")):
        return None
    text = sql
    while text.startswith("(") and text.endswith(")") and _closes_at_the_end(text):
        text = text[1:-1]
    plain = re.sub(r"::[a-z ]+(\(\d+(,\s*\d+)?\))?$", "", text) if dialect == "postgresql" else text
    if kind == "BooleanField" and plain.lower() in ("true", "false", "0", "1", "b'0'", "b'1'"):
        return str(plain.lower() in ("true", "1", "b'1'"))
    string = re.fullmatch(r"'((?:[^']|'')*)'", plain)
    value = string[1].replace("''", "'") if string else plain
    if kind in ("CharField", "TextField") and string:
        return quoted(value)
    if re.fullmatch(r"-?\d+", value) and kind.endswith("IntegerField"):
        return value
    if re.fullmatch(r"-?\d+(\.\d+)?", value) and kind == "DecimalField":
        return value if "." not in value else f'"{value}"'
    if re.fullmatch(r"-?\d+(\.\d+)?", value) and kind == "FloatField":
        return repr(float(value))
    return raw_expression(sql)
