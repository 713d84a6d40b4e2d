"""Lookups (`__gte`, `__icontains`) and transforms (`__year`): the right end of a path, registered on the fields.

`base` says what a lookup is, the other modules have them by subject. Importing this package registers them all.
"""

from __future__ import annotations

from vivace.orm.expressions.lookups.base import Condition, Lookup, Right, find_lookup
from vivace.orm.expressions.lookups.comparisons import (
    BuiltinLookup,
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IntegerGreaterThanOrEqual,
    IntegerLessThan,
    IsNull,
    LessThan,
    LessThanOrEqual,
    Range,
)
from vivace.orm.expressions.lookups.composite import TupleIn
from vivace.orm.expressions.lookups.dates import YearExact, YearGt, YearGte, YearLookup, YearLt, YearLte
from vivace.orm.expressions.lookups.json import JSONExact, JSONNull
from vivace.orm.expressions.lookups.json_at_keys import KeyTransformExact
from vivace.orm.expressions.lookups.json_keys import KT, KeyTextTransform, KeyTransform
from vivace.orm.expressions.lookups.text import (
    Contains,
    EndsWith,
    IContains,
    IEndsWith,
    IExact,
    IRegex,
    IStartsWith,
    PatternLookup,
    Regex,
    StartsWith,
)

__all__ = [
    "KT",
    "BuiltinLookup",
    "Condition",
    "Contains",
    "EndsWith",
    "Exact",
    "GreaterThan",
    "GreaterThanOrEqual",
    "IContains",
    "IEndsWith",
    "IExact",
    "IRegex",
    "IStartsWith",
    "In",
    "IntegerGreaterThanOrEqual",
    "IntegerLessThan",
    "IsNull",
    "JSONExact",
    "JSONNull",
    "KeyTextTransform",
    "KeyTransform",
    "KeyTransformExact",
    "LessThan",
    "LessThanOrEqual",
    "Lookup",
    "PatternLookup",
    "Range",
    "Regex",
    "Right",
    "StartsWith",
    "TupleIn",
    "YearExact",
    "YearGt",
    "YearGte",
    "YearLookup",
    "YearLt",
    "YearLte",
    "find_lookup",
]
