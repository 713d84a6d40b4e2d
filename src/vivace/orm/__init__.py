"""Models, querysets and migrations; Django's vocabulary, awaited natively.

Imports only `vivace.databases` and `vivace.utils`. Read `base` first (what a model is), then `fields`, `expressions`
(what stands in a query, and its SQL), `query` (how a queryset becomes SQL and rows become instances) and `relations`
(how related objects are loaded). Each imports only those before it; the contract in pyproject.toml has them all.
"""

from __future__ import annotations

from vivace.orm import functions, models
from vivace.orm import transactions as transaction
from vivace.orm.binding import databases, using
from vivace.orm.expressions.aggregates import Avg, Count, Max, Min, Sum
from vivace.orm.expressions.base import F, OuterRef, Value
from vivace.orm.expressions.conditional import Case, When
from vivace.orm.expressions.conditions import Q
from vivace.orm.expressions.subqueries import Exists, Subquery
from vivace.orm.routing import Databases
from vivace.orm.transactions import atomic, on_commit

__all__ = [
    "Avg",
    "Case",
    "Count",
    "Databases",
    "Exists",
    "F",
    "Max",
    "Min",
    "OuterRef",
    "Q",
    "Subquery",
    "Sum",
    "Value",
    "When",
    "atomic",
    "databases",
    "functions",
    "models",
    "on_commit",
    "transaction",
    "using",
]
