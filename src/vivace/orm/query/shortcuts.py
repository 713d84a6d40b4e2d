"""`dates()` and `datetimes()`, and SQL by hand: `raw()`, and why there is no `extra()`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from vivace.orm.exceptions import NotSupportedError
from vivace.orm.fields.times import DateField, DateTimeField
from vivace.orm.functions.dates import Trunc
from vivace.orm.query.chaining import ChainedQuery
from vivace.orm.query.expressions import Expression
from vivace.orm.query.raw import Parameters, RawQuerySet

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.query.queryset import QuerySet

M = TypeVar("M", covariant=True)

DATE_KINDS = ("year", "month", "week", "day")
MOMENT_KINDS = (*DATE_KINDS, "hour", "minute", "second")


class ShortcutQuery(ChainedQuery[M]):
    """Querysets that are ready made."""

    __slots__ = ()

    def dates(self, field_name: str, kind: str, order: str = "ASC") -> QuerySet[Any]:
        """The dates that there are, cut off to `kind` ("year", "month", "week" or "day"), each once and in order.

        Source: https://docs.djangoproject.com/en/stable/ref/models/querysets/#dates
        """
        _check("kind", kind, DATE_KINDS)
        return self._moments(Trunc(field_name, kind, output_field=DateField()), field_name, order)

    def datetimes(
        self, field_name: str, kind: str, order: str = "ASC", tzinfo: dt.tzinfo | None = None
    ) -> QuerySet[Any]:
        """The moments that there are, cut off to `kind` (those of `dates`, "hour", "minute" or "second") in `tzinfo`.

        Source: https://docs.djangoproject.com/en/stable/ref/models/querysets/#datetimes
        """
        _check("kind", kind, MOMENT_KINDS)
        return self._moments(Trunc(field_name, kind, output_field=DateTimeField(), tzinfo=tzinfo), field_name, order)

    def _moments(self, moment: Expression, field_name: str, order: str) -> QuerySet[Any]:
        _check("order", order, ("ASC", "DESC"))
        values: list[Any] = []
        shape = moment.freeze(values)
        made: Any = self.filter(**{f"{field_name}__isnull": False})
        made = made._with(("annotate", (("_moment", shape),)), values)._with(("values", ("_moment",), "flat"))
        return made.distinct().order_by("_moment" if order == "ASC" else "-_moment")  # type: ignore[no-any-return]

    def raw(
        self,
        raw_query: str,
        params: Parameters = (),
        translations: Mapping[str, str] | None = None,
        using: Database | str | None = None,
    ) -> RawQuerySet[M]:
        """Instances from SQL: its parameters are `%s` with a list, `%(name)s` or `:name` with a dict.

        `translations` says which column belongs to which field. Awaiting it raises FieldDoesNotExist when the key is
        not selected. Source: https://docs.djangoproject.com/en/stable/topics/db/sql/#performing-raw-queries
        """
        return RawQuerySet(self.model, raw_query, params, translations, using or self._database)

    def extra(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused, because every part of it has a name of its own by now: raises NotSupportedError, which says them."""
        given = ", ".join(f"{name}=…" for name in kwargs)
        raise NotSupportedError(
            f"extra({given}) is not supported. Instead of select=, write annotate(name=RawSQL(sql, params)) or an "
            "expression; of where=, filter(RawSQL(sql, params, output_field=BooleanField())) or Exists(…); of "
            "order_by=, order_by(RawSQL(sql, params)); of tables=, raw()."
        )


def _check(name: str, given: str, choices: tuple[str, ...]) -> None:
    if given not in choices:
        raise ValueError(f"'{name}' must be one of {', '.join(map(repr, choices))}; got {given!r}.")
