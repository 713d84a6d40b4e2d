"""Functions of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import sqlalchemy

from vivace.orm.expressions.base import Value
from vivace.orm.expressions.func import Func, Transform
from vivace.orm.expressions.kinds import as_text
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import BigIntegerField
from vivace.orm.fields.text import TextField
from vivace.orm.functions.pieces import Element, call, constant, first_and_small, small


def _is_number(value: Any) -> bool:
    return not hasattr(value, "freeze") and value is not None


class _Text(Transform):
    """A function from a text to a text."""

    @classmethod
    def resolve_output_field(cls, operands: Sequence[Operand], context: Context) -> Field[Any]:
        return TextField(null=True)


class Lower(_Text):
    """The text in lower case."""

    function = "LOWER"
    lookup_name = "lower"


class Upper(_Text):
    """The text in upper case."""

    function = "UPPER"
    lookup_name = "upper"


class Trim(_Text):
    """The text without spaces at its ends."""

    function = "TRIM"
    lookup_name = "trim"


class LTrim(_Text):
    """The text without spaces at its start."""

    function = "LTRIM"
    lookup_name = "ltrim"


class RTrim(_Text):
    """The text without spaces at its end."""

    function = "RTRIM"
    lookup_name = "rtrim"


class Reverse(_Text):
    """The characters in the opposite order."""

    function = "REVERSE"
    lookup_name = "reverse"


class Length(Transform):
    """The number of characters."""

    function = "LENGTH"
    lookup_name = "length"
    output_field = BigIntegerField(null=True)

    @classmethod
    def as_mysql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """MySQL's LENGTH counts bytes."""
        return call("CHAR_LENGTH", operands[0].element)


class Chr(Transform):
    """The character of a number."""

    function = "CHR"
    lookup_name = "chr"
    output_field = TextField(null=True)

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """CHR of a 32-bit integer."""
        return call("CHR", small(operands[0], context), sql_type=sqlalchemy.Text())

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """SQLite's name."""
        return cls.as_sql(operands, context, function="CHAR")

    @classmethod
    def as_mysql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """MySQL's name, which gives bytes unless told otherwise."""
        return cls.as_sql(operands, context, template="CHAR(%(expressions)s USING utf32)")


class Ord(Transform):
    """The number of the first character."""

    function = "ASCII"
    lookup_name = "ord"
    output_field = BigIntegerField(null=True)

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """SQLite's name."""
        return cls.as_sql(operands, context, function="UNICODE")

    @classmethod
    def as_mysql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """MySQL's ASCII knows single bytes only, and its ORD gives the bytes of UTF-8: hence by way of UTF-32."""
        converted = cls.as_sql(operands, context, template="CONVERT(LEFT(%(expressions)s, 1) USING utf32)")
        return call("CONV", call("HEX", converted), constant("16"), constant("10")).op("+")(constant("0"))


class ConcatPair(Func):
    """Two texts joined; see `Concat`."""

    @classmethod
    def resolve_output_field(cls, operands: Sequence[Operand], context: Context) -> Field[Any]:
        return TextField(null=True)

    @classmethod
    def as_sql(cls, operands: Sequence[Operand], context: Context, **options: Any) -> Element:
        empty = constant("''")
        joined, *rest = [call("coalesce", as_text(each), empty) for each in operands]
        for part in rest:
            joined = joined.op("||", precedence=7)(part)
        return sqlalchemy.type_coerce(joined, sqlalchemy.Text())

    @classmethod
    def as_mysql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """CONCAT_WS leaves out nulls."""
        return call("CONCAT_WS", constant("''"), *(each.element for each in operands), sql_type=sqlalchemy.Text())

    @classmethod
    def operand(cls, element: Element, operands: Sequence[Any], context: Context) -> Operand:
        assert context.output_field is not None
        return context.operand(element, context.output_field, operands, nullable=False)


class Concat(ConcatPair):
    """The texts joined; null counts as empty, other values as their text."""

    def __init__(self, *expressions: Any, output_field: Field[Any] | None = None, **extra: Any) -> None:
        if len(expressions) < 2:
            raise ValueError("Concat must take at least two expressions")
        super().__init__(*expressions, output_field=output_field, **extra)


class Left(Func):
    """The first characters of a text."""

    function = "LEFT"
    arity = 2
    output_field = TextField(null=True)

    def __init__(self, expression: Any, length: Any, **extra: Any) -> None:
        if _is_number(length) and length < 1:
            raise ValueError("'length' must be greater than 0.")
        super().__init__(expression, length, **extra)

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """LEFT or RIGHT by a 32-bit integer."""
        return cls.as_sql(operands, context, elements=first_and_small(operands, context))

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """SQLite has SUBSTR for it."""
        return call("SUBSTR", operands[0].element, constant("1"), operands[1].element)


class Right(Left):
    """The last characters of a text."""

    function = "RIGHT"

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """SUBSTR counts from the end for a negative place."""
        text, length = (each.element for each in operands)
        return call("SUBSTR", text, constant("-1").op("*", precedence=8)(length))


class LPad(Func):
    """The text with `fill_text` repeated before it, up to a length; cut to it when longer."""

    function = "LPAD"
    output_field = TextField(null=True)

    def __init__(self, expression: Any, length: Any, fill_text: Any = None, **extra: Any) -> None:
        if _is_number(length) and length < 0:
            raise ValueError("'length' must be greater or equal to 0.")
        fill = Value(" ") if fill_text is None else fill_text
        super().__init__(expression, length, fill, **extra)

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """The length as a 32-bit integer."""
        text, length, fill = operands
        return cls.as_sql(operands, context, elements=[text.element, small(length, context), fill.element])


class RPad(LPad):
    """The text with `fill_text` repeated after it, up to a length; cut to it when longer."""

    function = "RPAD"


class Repeat(Func):
    """The text so many times."""

    function = "REPEAT"
    arity = 2
    output_field = TextField(null=True)

    def __init__(self, expression: Any, number: Any, **extra: Any) -> None:
        if _is_number(number) and number < 0:
            raise ValueError("'number' must be greater or equal to 0.")
        super().__init__(expression, number, **extra)

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """The number as a 32-bit integer."""
        return cls.as_sql(operands, context, elements=first_and_small(operands, context))


class Replace(Func):
    """The text with every occurrence of one part replaced by another, which is empty when not given."""

    function = "REPLACE"
    output_field = TextField(null=True)

    def __init__(self, expression: Any, text: Any, replacement: Any = None, **extra: Any) -> None:
        super().__init__(expression, text, Value("") if replacement is None else replacement, **extra)


class StrIndex(Func):
    """Where a text stands in another one, counted from 1; 0 when it does not."""

    function = "INSTR"
    arity = 2
    output_field = BigIntegerField(null=True)

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """PostgreSQL's name."""
        return cls.as_sql(operands, context, function="STRPOS")


class Substr(Func):
    """The part of a text from a position, counted from 1, with an optional length."""

    function = "SUBSTRING"
    output_field = TextField(null=True)

    def __init__(self, expression: Any, pos: Any, length: Any = None, **extra: Any) -> None:
        if _is_number(pos) and pos < 1:
            raise ValueError("'pos' must be greater than 0")
        super().__init__(expression, pos, *([] if length is None else [length]), **extra)

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """SQLite's name."""
        return cls.as_sql(operands, context, function="SUBSTR")

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """The places as 32-bit integers."""
        return cls.as_sql(operands, context, elements=first_and_small(operands, context))


class _Digest(Transform):
    """A hash of the text's UTF-8, as hexadecimal digits."""

    output_field = TextField(null=True)
    bits: ClassVar[str] = ""

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """PostgreSQL's own functions of bytes; they need no extension."""
        data = call("convert_to", as_text(operands[0]), constant("'UTF8'"))
        digest = call(cls.lookup_name, data)
        return call("encode", digest, constant("'hex'"), sql_type=sqlalchemy.Text())

    @classmethod
    def as_mysql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """SHA2 for all but MD5 and SHA1."""
        if not cls.bits:
            return cls.as_sql(operands, context)
        return call("SHA2", operands[0].element, constant(cls.bits), sql_type=sqlalchemy.Text())


class MD5(_Digest):
    """The MD5 hash, in hexadecimal."""

    function = "MD5"
    lookup_name = "md5"

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        return call("md5", as_text(operands[0]), sql_type=sqlalchemy.Text())


class SHA1(_Digest):
    """The SHA-1 hash, in hexadecimal. On PostgreSQL it needs the extension pgcrypto."""

    function = "SHA1"
    lookup_name = "sha1"

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """PostgreSQL itself has no SHA-1."""
        digest = call("digest", as_text(operands[0]), constant("'sha1'"))
        return call("encode", digest, constant("'hex'"), sql_type=sqlalchemy.Text())


class SHA224(_Digest):
    """The SHA-224 hash, in hexadecimal."""

    function, lookup_name, bits = "SHA224", "sha224", "224"


class SHA256(_Digest):
    """The SHA-256 hash, in hexadecimal."""

    function, lookup_name, bits = "SHA256", "sha256", "256"


class SHA384(_Digest):
    """The SHA-384 hash, in hexadecimal."""

    function, lookup_name, bits = "SHA384", "sha384", "384"


class SHA512(_Digest):
    """The SHA-512 hash, in hexadecimal."""

    function, lookup_name, bits = "SHA512", "sha512", "512"
