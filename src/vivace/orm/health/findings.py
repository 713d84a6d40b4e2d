"""One thing that is wrong, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`kind` is a word to filter by; `message` says what was found and what to do; `name` is the index's, or such."""

    kind: str
    table: str
    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.table}: {self.message}"


# Of the numbers that there are, so many are gone before it is said.
NEARLY_ALL = 0.75


def key_range(table: str, column: str, used: int, limit: int) -> Finding | None:
    """The finding about a column whose automatic keys come to an end, if they do."""
    share = used / limit
    if share < NEARLY_ALL:
        return None
    return Finding(
        "keys",
        table,
        column,
        f"{share:.0%} of the numbers that {column} can hold are used ({used:,} of {limit:,}). Make it a BigAutoField "
        "before they end.",
    )


def size(number: int) -> str:
    """Bytes for people."""
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
