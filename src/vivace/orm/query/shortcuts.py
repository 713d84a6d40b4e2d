"""`dates()` and `datetimes()`, and SQL by hand: `raw()` and `extra()`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from vivace.orm.expressions.base import Expression, RawSQL
from vivace.orm.fields.numbers import BooleanField
from vivace.orm.fields.times import DateField, DateTimeField
from vivace.orm.functions.dates import Trunc
from vivace.orm.query.chaining import ChainedQuery
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

    def extra(
        self,
        select: Mapping[str, str] | None = None,
        where: Sequence[str] | None = None,
        params: Sequence[Any] | None = None,
        tables: Sequence[str] | None = None,
        order_by: Sequence[str] | None = None,
        select_params: Sequence[Any] | None = None,
    ) -> Self:
        """Pieces of SQL put into the query: more columns, conditions, tables (each with each), an order of its own.

        Each `%s` takes the next of `select_params`, or of `params` in `where`; `%%` is a percent sign. The texts are
        the programmer's: what a user has sent belongs into the parameters. Raises ValueError when numbers differ.
        Where an expression can say it (`annotate`, `RawSQL`, `Exists`), that is the better way.
        Source: https://docs.djangoproject.com/en/stable/ref/models/querysets/#extra
        """
        self._refuse_slice("change")
        made = self._with(("tables", tuple(tables))) if tables else self._clone()
        if select:
            pieces = _with_params("select_params", list(select.values()), select_params)
            made = made.annotate(**{name: RawSQL(*piece) for name, piece in zip(select, pieces, strict=True)})
        if where:
            pieces = _with_params("params", where, params)
            made = made.filter(*[RawSQL(*piece, output_field=BooleanField()) for piece in pieces])
        return made.order_by(*order_by) if order_by else made


def _with_params(name: str, texts: Sequence[str], params: Sequence[Any] | None) -> list[tuple[str, list[Any]]]:
    """Each text in brackets, with as many of the values as it has places."""
    remaining = list(params or ())
    places = [text.replace("%%", "").count("%s") for text in texts]
    if sum(places) != len(remaining):
        raise ValueError(f"extra(): {name} has {len(remaining)} values for {sum(places)} times %s in {list(texts)}")
    return [(f"({text})", [remaining.pop(0) for _ in range(count)]) for text, count in zip(texts, places, strict=True)]


def _check(name: str, given: str, choices: tuple[str, ...]) -> None:
    if given not in choices:
        raise ValueError(f"'{name}' must be one of {', '.join(map(repr, choices))}; got {given!r}.")
