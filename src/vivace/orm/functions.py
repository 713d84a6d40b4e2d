"""Database functions: `Lower("title")`, `Coalesce("price", Value(0))`, as in `django.db.models.functions`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.orm.query.expressions import Func

if TYPE_CHECKING:
    from vivace.orm.fields.base import Field


class Lower(Func):
    """The text in lower case."""

    function = "lower"


class Upper(Func):
    """The text in upper case."""

    function = "upper"


class Length(Func):
    """The number of characters."""

    function = "length"


class Trim(Func):
    """The text without spaces at its ends."""

    function = "trim"


class Substr(Func):
    """The part of a text from a position, counted from 1, with an optional length."""

    function = "substr"


class Replace(Func):
    """The text with one part replaced by another."""

    function = "replace"


class Concat(Func):
    """The texts joined; null counts as empty."""

    function = "concat"


class Coalesce(Func):
    """The first argument that is not null."""

    function = "coalesce"


class NullIf(Func):
    """The first argument, or null when it equals the second."""

    function = "nullif"


class Greatest(Func):
    """The greatest argument."""

    function = "greatest"


class Least(Func):
    """The least argument."""

    function = "least"


class Abs(Func):
    """The number without its sign."""

    function = "abs"


class Now(Func):
    """The present moment, by the database's clock."""

    function = "now"


class Cast(Func):
    """The argument as another type."""

    function = "cast"

    def __init__(self, expression: Any, output_field: Field[Any]) -> None:
        super().__init__(expression, output_field=output_field)
