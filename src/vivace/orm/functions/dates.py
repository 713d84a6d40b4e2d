"""Functions of moments."""

from __future__ import annotations

from collections.abc import Sequence

from vivace.orm.fields.times import DateTimeField
from vivace.orm.functions.pieces import Element, call, constant
from vivace.orm.query.func import Func
from vivace.orm.query.operand import Operand
from vivace.orm.query.operands import Context


class Now(Func):
    """The present moment, by the database's clock."""

    arity = 0
    output_field = DateTimeField()

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """The start of the statement."""
        return call("statement_timestamp")

    @classmethod
    def as_mysql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """To the microsecond, in UTC whatever the session's time zone."""
        return call("UTC_TIMESTAMP", constant("6"))

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """Padded to microseconds, as stored datetimes are: they compare as texts."""
        moment = call("strftime", constant("'%Y-%m-%d %H:%M:%f'"), constant("'now'"))
        return moment.op("||")(constant("'000'"))
