"""`HStoreField`: a mapping of texts to texts or nulls in one column, and its lookups (extension hstore).

https://docs.djangoproject.com/en/5.2/ref/contrib/postgres/fields/#hstorefield
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy
from sqlalchemy import ColumnElement
from sqlalchemy.dialects import postgresql

from vivace.orm.expressions.base import as_field_or_expression
from vivace.orm.expressions.func import Transform
from vivace.orm.expressions.literals import text_literal
from vivace.orm.expressions.lookups.base import Right
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.transforms import TransformNode
from vivace.orm.fields.text import TextField
from vivace.orm.postgresql.arrays import ArrayField
from vivace.orm.postgresql.only import OperatorLookup, PostgreSQLField
from vivace.utils.exceptions import ValidationError
from vivace.utils.fieldspec import Kind

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.expressions.operands import Context

Pairs = dict[str, str | None]

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_PAIR = re.compile(rf"{_QUOTED}=>(?:{_QUOTED}|NULL)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class HStore(sqlalchemy.types.UserDefinedType[Pairs]):
    """The type `hstore`."""

    cache_ok = True

    def get_col_spec(self, **options: Any) -> str:
        """The type as DDL writes it."""
        return "HSTORE"


class HStoreField(PostgreSQLField[Pairs]):
    """A dict of texts to texts or None. What else is given as a key or value is stored as its text.

    Texts are taken for JSON. The database needs `CREATE EXTENSION hstore`; a JSONField does without and holds more.
    """

    kind: ClassVar[Kind] = "hstore"
    python_type = dict
    default_error_messages = {
        "invalid": "“%(value)s” is not a mapping of texts.",
        "not_a_string": "The value of “%(key)s” is not a string or null.",
    }

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise self._invalid(value) from None
        if value is not None and not isinstance(value, Mapping):
            raise self._invalid(value)
        return value

    def _invalid(self, value: Any) -> ValidationError:
        return ValidationError(self.error_messages["invalid"], "invalid", {"value": value})

    def validate(self, value: Any, instance: Model | None) -> None:
        super().validate(value, instance)
        for key, item in (value or {}).items():
            if item is not None and not isinstance(item, str):
                raise ValidationError(self.error_messages["not_a_string"], "not_a_string", {"key": key})

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise TypeError(f"Field “{self.name}” expected a mapping but got {value!r}.")
        return {str(key): None if item is None else str(item) for key, item in value.items()}

    def value_to_string(self, instance: Model) -> str:
        return json.dumps(getattr(instance, self.attname))

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return HStore()

    def postgresql_bind(self) -> Callable[[Any], Any]:
        prepare = self.get_prep_value
        return lambda value: _write(prepare(value))

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        return _read


def _write(pairs: Pairs) -> str:
    return ",".join(f"{_quote(key)}=>{'NULL' if item is None else _quote(item)}" for key, item in pairs.items())


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _read(text: Any) -> Pairs:
    if not isinstance(text, str):  # the driver may have been told to decode the type itself
        return dict(text)
    return {_plain(key): item if item is None else _plain(item) for key, item in _pairs(text)}


def _pairs(text: str) -> Sequence[tuple[str, str | None]]:
    return [(found[1], found[2]) for found in _PAIR.finditer(text)]


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


# Keys in paths


class HStoreKey(TransformNode):
    """The value at a key (`data__breed`), a text; null when there is no such key."""

    output_field = TextField(null=True)

    def __init__(self, key_name: str, expression: Any) -> None:
        self.key_name, self.expression = key_name, as_field_or_expression(expression)

    def get_source_expressions(self) -> Sequence[Any]:
        return [self.expression]

    def static_options(self) -> str:
        return self.key_name

    @classmethod
    def build(cls, static: str, operands: Sequence[Any], context: Context) -> Operand:
        (pairs,) = operands
        value = pairs.element.op("->", precedence=15, return_type=sqlalchemy.Text())(
            text_literal(static, context.dialect)
        )
        return context.operand(value, cls.output_field, operands, nullable=True)


class _KeyFactory:
    """Makes the `HStoreKey` of one key; what `data__anything` asks HStoreField for."""

    is_lookup = False
    output_field = HStoreKey.output_field

    def __init__(self, key_name: str) -> None:
        self.key_name = key_name

    def __call__(self, expression: Any) -> HStoreKey:
        return HStoreKey(self.key_name, expression)

    def get_class_lookups(self) -> dict[str, Any]:
        """What the key's value has besides TextField's lookups: nothing."""
        return {}


HStoreField.transform_of_any_name = _KeyFactory


@HStoreField.register_lookup
class HStoreKeys(Transform):
    """The keys, as an array."""

    lookup_name = "keys"
    function = "AKEYS"
    output_field = ArrayField(TextField())


@HStoreField.register_lookup
class HStoreValues(Transform):
    """The values, as an array."""

    lookup_name = "values"
    function = "AVALS"
    output_field = ArrayField(TextField(null=True))


# Lookups


@HStoreField.register_lookup
class HStoreContains(OperatorLookup):
    """Has all of these pairs."""

    lookup_name, operator = "contains", "@>"


@HStoreField.register_lookup
class HStoreContainedBy(OperatorLookup):
    """Has no others than these pairs."""

    lookup_name, operator = "contained_by", "<@"


@HStoreField.register_lookup
class HStoreHasKey(OperatorLookup):
    """Has a key."""

    lookup_name, operator = "has_key", "?"

    @classmethod
    def parameter(cls, lhs: Operand, right: Right, context: Context) -> ColumnElement[Any]:
        return context.binds.add(right.payload, str, sqlalchemy.Text())


@HStoreField.register_lookup
class HStoreHasKeys(OperatorLookup):
    """Has all of these keys."""

    lookup_name, operator = "has_keys", "?&"

    @classmethod
    def parameter(cls, lhs: Operand, right: Right, context: Context) -> ColumnElement[Any]:
        return context.binds.add(right.payload, _texts, postgresql.ARRAY(sqlalchemy.Text()))


@HStoreField.register_lookup
class HStoreHasAnyKeys(HStoreHasKeys):
    """Has one or more of these keys."""

    lookup_name, operator = "has_any_keys", "?|"


def _texts(keys: Any) -> list[str]:
    if isinstance(keys, str | bytes):
        raise TypeError(f"A list of keys is expected, got {keys!r}")
    return [str(key) for key in keys]
