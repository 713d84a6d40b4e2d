"""UUIDs that the database makes, another one for each row; the newest Django has these functions, too."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy

from vivace.orm.expressions.func import Func
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.expressions.templates import templated
from vivace.orm.fields.other import UUIDField
from vivace.orm.functions.pieces import Element, call

# The version's digit, three random ones, the variant's digit, and fifteen random ones.
_MYSQL_REST = (
    "SUBSTR(HEX(RANDOM_BYTES(2)), 2), ELT(1 + FLOOR(RAND() * 4), '8', '9', 'a', 'b'), "
    "SUBSTR(HEX(RANDOM_BYTES(2)), 2), HEX(RANDOM_BYTES(6))"
)


class UUID4(Func):
    """A random UUID."""

    arity = 0
    output_field = UUIDField()

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """PostgreSQL's own function."""
        return call("gen_random_uuid", sql_type=sqlalchemy.Uuid())

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """Ours."""
        return call("vivace_uuid4")

    @classmethod
    def as_mysql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """Of random bytes: UUID() gives version 1, which tells the machine."""
        return templated(f"LOWER(CONCAT(HEX(RANDOM_BYTES(6)), '4', {_MYSQL_REST}))", [], cls.output_field.sql_type())


class UUID7(Func):
    """A UUID that begins with the time in milliseconds, so that later ones are greater."""

    arity = 0
    output_field = UUIDField()

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """A random UUID with the time and the version written over it: PostgreSQL has uuidv7() from 18 on only."""
        return templated(
            "CAST(ENCODE(SET_BIT(SET_BIT(OVERLAY(UUID_SEND(GEN_RANDOM_UUID()) PLACING SUBSTRING(INT8SEND("
            "CAST(FLOOR(EXTRACT(EPOCH FROM CLOCK_TIMESTAMP()) * 1000) AS BIGINT)) FROM 3) FROM 1 FOR 6), 52, 1), "
            "53, 1), 'hex') AS UUID)",
            [],
            sqlalchemy.Uuid(),
        )

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """Ours."""
        return call("vivace_uuid7")

    @classmethod
    def as_mysql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """The time, then random bytes."""
        time = "LPAD(HEX(FLOOR(UNIX_TIMESTAMP(NOW(6)) * 1000)), 12, '0')"
        return templated(f"LOWER(CONCAT({time}, '7', {_MYSQL_REST}))", [], cls.output_field.sql_type())
