"""Whether a read may be run once more without anybody noticing."""

from __future__ import annotations

import re

import asyncpg

from vivace.databases.plan import Plan

# A name before a parenthesis that is no function, or one that only computes.
_HARMLESS = (
    "abs|and|any|all|array|array_agg|as|avg|between|bool_and|bool_or|by|case|cast|ceil|char|char_length|coalesce|concat|"
    "concat_ws|count|date|date_part|date_trunc|dense_rank|distinct|exists|extract|filter|first_value|floor|from|"
    "generate_series|greatest|having|in|int|is|join|json_agg|jsonb_agg|lag|last_value|lead|least|left|length|like|limit|"
    "lower|lpad|ltrim|max|md5|min|mod|not|now|nullif|numeric|on|or|over|position|power|rank|repeat|replace|reverse|right|round|row|"
    "row_number|rpad|rtrim|select|some|sqrt|string_agg|strpos|substr|substring|sum|then|timezone|to_char|trim|trunc|"
    "union|unnest|upper|using|values|varchar|when|where|with"
)
_CALL = re.compile(rf'\b(?!(?:{_HARMLESS})\b)[a-z_]\w*\s*\(|"\s*\(', re.IGNORECASE)


def does_nothing_but_read(plan: Plan) -> bool:
    """Whether it only reads, and calls no function that might write."""
    return plan.reads and _CALL.search(plan.sql) is None


def can_have_done_nothing(plan: Plan, error: Exception) -> bool:
    """Whether a read that met a dead connection may be asked again.

    A server that says farewell (SQLSTATE 57P…) has rolled back what it was at. When the connection just broke, nobody
    knows whether the statement ran; that does not matter for one that does nothing but read.
    """
    if plan.reads and isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith("57P"):
        return True
    return does_nothing_but_read(plan)
