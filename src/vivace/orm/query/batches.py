"""How many rows go into one statement, and how one row's VALUES become those of many."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from vivace.orm.exceptions import FieldError
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.fields.base import Field

T = TypeVar("T")

# SQLite and PostgreSQL take some 32,766 parameters in a statement, MySQL 65,535; some hundred rows are enough.
MAX_PARAMETERS = 32_000
LISTED_ROWS = 256
# Rows that PostgreSQL takes as arrays, all of which it holds in memory.
ARRAY_ROWS = 10_000

_PLACEHOLDER = re.compile(r"\$(\d+)")


def batches(rows: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """Groups of at most `most` rows."""
    for start in range(0, len(rows), most):
        yield rows[start : start + most]


def listed_batches(rows: Sequence[T], parameters: int, batch_size: int | None) -> Iterator[Sequence[T]]:
    """Groups of rows that are listed in the SQL, of a few sizes only (powers of two), each of which is one statement.

    `parameters` is how many a row takes.
    """
    most = max(1, min(LISTED_ROWS, MAX_PARAMETERS // max(parameters, 1), batch_size or LISTED_ROWS))
    start = 0
    while start < len(rows):
        size = min(most, len(rows) - start)
        if size < most:
            size = 1 << (size.bit_length() - 1)
        yield rows[start : start + size]
        start += size


def repeated(one: str, parameters: int, rows: int) -> str:
    """`(?, ?)` or `($1, $2)`, of so many parameters, for so many rows."""
    if "$" not in one:
        return ", ".join([one] * rows)
    return ", ".join(
        _PLACEHOLDER.sub(lambda found, shift=row * parameters: f"${int(found[1]) + shift}", one)  # type: ignore[misc]
        for row in range(rows)
    )


def check_batch_size(batch_size: int | None) -> None:
    """Raises ValueError for a size that holds nothing."""
    if batch_size is not None and batch_size <= 0:
        raise ValueError("Batch size must be a positive integer.")


def column_of(model: type[Model], name: str) -> Field[object]:
    """The field of that name that has a column. Raises FieldError with the nearest one."""
    meta = model._meta
    field = meta.pk if name == "pk" else meta.forward.get(name)
    if field is None or not field.concrete:
        choices = [each.name for each in meta.concrete_fields]
        raise FieldError(
            f'{meta.object_name} has no column "{name}". {did_you_mean(name, choices, listed_as="Fields")}'
        )
    if field.generated:
        raise FieldError(f"{meta.object_name}.{name} cannot be written: the database computes it")
    return field
