"""What only PostgreSQL has: arrays, ranges, its kinds of indexes, exclusion constraints."""

from __future__ import annotations

from vivace.orm.opclasses import OpClass
from vivace.orm.postgresql.arrays import ArrayField
from vivace.orm.postgresql.constraints import ExclusionConstraint
from vivace.orm.postgresql.indexes import (
    BloomIndex,
    BrinIndex,
    BTreeIndex,
    GinIndex,
    GistIndex,
    HashIndex,
    SpGistIndex,
)
from vivace.orm.postgresql.ranges import (
    BigIntegerRangeField,
    DateRangeField,
    DateTimeRangeField,
    DecimalRangeField,
    IntegerRangeField,
    Range,
    RangeOperators,
)

__all__ = [
    "ArrayField",
    "BTreeIndex",
    "BigIntegerRangeField",
    "BloomIndex",
    "BrinIndex",
    "DateRangeField",
    "DateTimeRangeField",
    "DecimalRangeField",
    "ExclusionConstraint",
    "GinIndex",
    "GistIndex",
    "HashIndex",
    "IntegerRangeField",
    "OpClass",
    "Range",
    "RangeOperators",
    "SpGistIndex",
]
