"""Which indexes of a table are too many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from vivace.orm.health.findings import Finding, size


@dataclass(frozen=True)
class IndexFacts:
    """What the catalog says of an index. `keys` are compared only: a column with its order, collation and the like."""

    table: str
    name: str
    keys: tuple[str, ...]
    is_unique: bool = False
    is_constraint: bool = False
    method: str = "btree"
    predicate: str = ""
    included: frozenset[str] = frozenset()
    bytes: int = 0
    uses: int | None = None
    """How often it was used since statistics began; None where nobody counts."""


def superfluous(indexes: Iterable[IndexFacts], smaller_than: int) -> Iterator[Finding]:
    """Duplicates, and indexes that are the beginning of others."""
    by_table: dict[str, list[IndexFacts]] = {}
    for index in indexes:
        by_table.setdefault(index.table, []).append(index)
    for own in by_table.values():
        gone: set[str] = set()
        for index, other in permutations(sorted(own, key=lambda each: each.name, reverse=True), 2):
            if {index.name, other.name} & gone or not _does_all_of(other, index):
                continue
            if index.keys == other.keys:
                gone.add(index.name)
                yield _finding("duplicate", index, f"index {index.name} does what {other.name} does")
            elif index.bytes >= smaller_than:
                gone.add(index.name)
                yield _finding("duplicate", index, f"index {index.name} is the beginning of {other.name}, which serves")


def _does_all_of(other: IndexFacts, index: IndexFacts) -> bool:
    """Whether `other` can take the place of `index`."""
    if index.is_constraint or index.method != other.method or index.predicate != other.predicate:
        return False
    if not index.included <= other.included:
        return False
    if index.keys == other.keys:
        return other.is_unique or not index.is_unique
    # Only a sorted index serves by its beginning.
    is_beginning = other.keys[: len(index.keys)] == index.keys
    return is_beginning and index.method == "btree" and not index.is_unique


def _finding(kind: str, index: IndexFacts, said: str) -> Finding:
    return Finding(kind, index.table, index.name, f"{said} as well ({size(index.bytes)}). Drop it.")


def unused(indexes: Iterable[IndexFacts], smaller_than: int, since: str) -> Iterator[Finding]:
    """Indexes that no statement has used; what keeps rows unique is used by every write."""
    for index in indexes:
        if index.uses == 0 and not index.is_unique and not index.is_constraint and index.bytes >= smaller_than:
            yield Finding(
                "unused",
                index.table,
                index.name,
                f"index {index.name} ({size(index.bytes)}) was not used {since}. Drop it, unless a replica uses it or "
                "a rare job needs it.",
            )


def names(columns: Sequence[str]) -> str:
    """Columns for people."""
    return ", ".join(columns)
