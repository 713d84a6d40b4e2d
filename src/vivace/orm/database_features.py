"""What a database can do, by Django's names: for `Meta.required_db_features`.

Django: https://docs.djangoproject.com/en/5.2/ref/models/options/#required-db-features
"""

from __future__ import annotations

import sqlalchemy

_ALL = frozenset({"sqlite", "postgresql", "mysql", "mariadb"})
_POSTGRESQL = frozenset({"postgresql"})
_MYSQL = frozenset({"mysql", "mariadb"})

# The oldest servers that are supported have it, wherever a database is named.
_FEATURES = {
    "allows_multiple_constraints_on_same_fields": _ALL,
    "can_defer_constraint_checks": _POSTGRESQL | {"sqlite"},
    "can_distinct_on_fields": _POSTGRESQL,
    "can_return_columns_from_insert": _ALL - {"mysql"},
    "can_return_rows_from_bulk_insert": _ALL - {"mysql"},
    "gis_enabled": frozenset[str](),
    "has_bulk_insert": _ALL,
    "has_native_duration_field": _POSTGRESQL,
    "has_native_json_field": _POSTGRESQL,
    "has_native_uuid_field": _POSTGRESQL | {"mariadb"},
    "has_select_for_no_key_update": _POSTGRESQL,
    "has_select_for_update": _POSTGRESQL | _MYSQL,
    "has_select_for_update_nowait": _POSTGRESQL | _MYSQL,
    "has_select_for_update_of": _POSTGRESQL | {"mysql"},
    "has_select_for_update_skip_locked": _POSTGRESQL | _MYSQL,
    "supports_collation_on_charfield": _ALL,
    "supports_collation_on_textfield": _ALL,
    "supports_column_check_constraints": _ALL,
    "supports_comments": _POSTGRESQL | _MYSQL,
    "supports_covering_indexes": _POSTGRESQL,
    "supports_deferrable_unique_constraints": _POSTGRESQL,
    "supports_expression_indexes": _ALL - {"mariadb"},
    "supports_foreign_keys": _ALL,
    "supports_json_field": _ALL,
    "supports_json_field_contains": _ALL - {"sqlite"},
    "supports_nulls_distinct_unique_constraints": _POSTGRESQL,
    "supports_over_clause": _ALL,
    "supports_partial_indexes": _POSTGRESQL | {"sqlite"},
    "supports_stored_generated_columns": _ALL,
    "supports_table_check_constraints": _ALL,
    "supports_tablespaces": _POSTGRESQL,
    "supports_transactions": _ALL,
    "supports_unlimited_charfield": _POSTGRESQL | {"sqlite"},
    "supports_virtual_generated_columns": _ALL - {"postgresql"},
}

FEATURES = tuple(_FEATURES)
"""The names that there are."""

VENDORS = tuple(sorted(_ALL))
"""The kinds of databases, by Django's names."""


def vendor_of(dialect: sqlalchemy.Dialect) -> str:
    """Which kind of database a dialect is for."""
    return "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name


def has_feature(dialect: sqlalchemy.Dialect, name: str) -> bool:
    """Whether the dialect's database can do it. Raises KeyError for a name that is not in FEATURES."""
    return vendor_of(dialect) in _FEATURES[name]
