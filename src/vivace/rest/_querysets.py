"""What this layer has to know about a queryset that the queryset does not tell; the one place that looks inside.

`tests/rest/test_querysets.py` fails when the inside changes.
"""

from __future__ import annotations

from typing import Any


def gives_instances(queryset: Any) -> bool:
    """Whether the rows are objects of the model, not what `values()` makes of them."""
    return all(operation[0] != "values" for operation in queryset._shape)


def prefetched(queryset: Any) -> set[str]:
    """The relations that the queryset loads already by `prefetch_related()`."""
    return {lookup if isinstance(lookup, str) else lookup.to_attr or lookup.lookup for lookup in queryset._prefetch}


def is_loaded(rows: Any) -> bool:
    """Whether the rows of a queryset, or of a relation's manager, are here, so that `for` works."""
    return bool(rows.is_loaded) if hasattr(rows, "is_loaded") else rows.all()._result is not None


def order(queryset: Any) -> tuple[str, ...] | None:
    """What the rows are ordered by; None when that cannot be said in names."""
    found: tuple[Any, ...] = tuple(queryset.model._meta.ordering)
    for operation in queryset._shape:
        if operation[0] in ("reverse", "distinct", "values"):
            return None
        if operation[0] == "order":
            found = operation[1]
    return found if all(isinstance(item, str) and item != "?" for item in found) else None
