"""EXPLAIN in each database's own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Dialect

from vivace.orm.exceptions import NotSupportedError
from vivace.utils.suggest import did_you_mean

_FORMATS: dict[str, tuple[str, ...]] = {
    "postgresql": ("JSON", "TEXT", "XML", "YAML"),
    "mysql": ("JSON", "TEXT", "TRADITIONAL", "TREE"),
    "sqlite": (),
}
# Options become SQL, so they are names from this list and nothing else.
_OPTIONS: dict[str, tuple[str, ...]] = {
    "postgresql": (
        "analyze",
        "buffers",
        "costs",
        "generic_plan",
        "memory",
        "serialize",
        "settings",
        "summary",
        "timing",
        "verbose",
        "wal",
    ),
    "mysql": ("analyze",),
    "sqlite": (),
}
_WORD = re.compile(r"[A-Za-z]+")


def explain_prefix(dialect: Dialect, format: str | None, options: Mapping[str, Any]) -> str:
    """What stands before the statement. Raises ValueError for a format or option that the database does not have."""
    name = dialect.name
    wanted = _checked_format(name, format)
    for option in options:
        if option not in _OPTIONS[name]:
            known = _OPTIONS[name]
            hint = did_you_mean(option, known, listed_as="Options") if known else "This database has none."
            raise ValueError(f'explain() has no option "{option}". {hint}')
    if name == "sqlite":
        return "EXPLAIN QUERY PLAN "
    if name == "postgresql":
        parts = [f"{option.upper()} {_option_value(value)}" for option, value in options.items()]
        parts += [f"FORMAT {wanted}"] if wanted else []
        return f"EXPLAIN ({', '.join(parts)}) " if parts else "EXPLAIN "
    # MySQL and MariaDB say "TRADITIONAL" for what others call a text.
    form = f"FORMAT={'TRADITIONAL' if wanted == 'TEXT' else wanted} " if wanted else ""
    if not options.get("analyze"):
        return f"EXPLAIN {form}"
    return f"ANALYZE {form}" if getattr(dialect, "is_mariadb", False) else f"EXPLAIN ANALYZE {form}"


def _checked_format(name: str, wanted: str | None) -> str | None:
    if wanted is None:
        return None
    formats = _FORMATS[name]
    if not formats:
        raise NotSupportedError("explain(format=…): this database explains in one format only")
    if wanted.upper() not in formats:
        raise ValueError(f"{wanted!r} is not a recognized format. Allowed formats: {', '.join(formats)}")
    return wanted.upper()


def _option_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value.upper()
    raise ValueError(f"An option of explain() is True, False or a word, got {value!r}")
