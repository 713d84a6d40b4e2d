"""PostgreSQL's kinds of indexes. Other databases make their usual index instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.indexes import Index
from vivace.orm.opclasses import OpClass

__all__ = ["BTreeIndex", "BloomIndex", "BrinIndex", "GinIndex", "GistIndex", "HashIndex", "OpClass", "SpGistIndex"]


class PostgreSQLIndex(Index):
    """Base of the kinds; `options` are storage parameters."""

    def __init__(self, *expressions: Any, **options: Any) -> None:
        self._parameters: dict[str, Any] = {}
        super().__init__(*expressions, **options)

    def parameters(self) -> Mapping[str, Any]:
        return {name: value for name, value in self._parameters.items() if value is not None}

    def _take(self, **parameters: Any) -> None:
        for name, value in parameters.items():
            if value is not None and not isinstance(value, int):
                raise ModelDefinitionError(f"{type(self).__name__}: {name} is a number or a truth value, got {value!r}")
        # PostgreSQL's words for truth values.
        self._parameters |= {
            name: {True: "on", False: "off"}[value] if isinstance(value, bool) else value
            for name, value in parameters.items()
        }


class BTreeIndex(PostgreSQLIndex):
    """The usual index, with its storage parameters."""

    suffix: ClassVar[str] = "btree"
    method = "btree"

    def __init__(
        self, *expressions: Any, fillfactor: int | None = None, deduplicate_items: bool | None = None, **options: Any
    ) -> None:
        super().__init__(*expressions, **options)
        self._take(fillfactor=fillfactor, deduplicate_items=deduplicate_items)


class GinIndex(PostgreSQLIndex):
    """For what has many values in one column: arrays, JSON documents, words of texts."""

    suffix = "gin"
    method = "gin"

    def __init__(
        self,
        *expressions: Any,
        fastupdate: bool | None = None,
        gin_pending_list_limit: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*expressions, **options)
        self._take(fastupdate=fastupdate, gin_pending_list_limit=gin_pending_list_limit)


class GistIndex(PostgreSQLIndex):
    """For ranges, geometry and nearest neighbours."""

    suffix = "gist"
    method = "gist"

    def __init__(
        self, *expressions: Any, buffering: bool | None = None, fillfactor: int | None = None, **options: Any
    ) -> None:
        super().__init__(*expressions, **options)
        self._take(buffering=buffering, fillfactor=fillfactor)


class SpGistIndex(PostgreSQLIndex):
    """For data that clusters: points, addresses of networks, prefixes of texts."""

    suffix = "spgist"
    method = "spgist"

    def __init__(self, *expressions: Any, fillfactor: int | None = None, **options: Any) -> None:
        super().__init__(*expressions, **options)
        self._take(fillfactor=fillfactor)


class BrinIndex(PostgreSQLIndex):
    """A small index of big tables whose rows lie in the column's order, such as logs by time."""

    suffix = "brin"
    method = "brin"

    def __init__(
        self,
        *expressions: Any,
        autosummarize: bool | None = None,
        pages_per_range: int | None = None,
        **options: Any,
    ) -> None:
        if pages_per_range is not None and pages_per_range <= 0:
            raise ModelDefinitionError("pages_per_range must be None or a positive integer")
        super().__init__(*expressions, **options)
        self._take(autosummarize=autosummarize, pages_per_range=pages_per_range)


class HashIndex(PostgreSQLIndex):
    """For equality alone, of long values."""

    suffix = "hash"
    method = "hash"

    def __init__(self, *expressions: Any, fillfactor: int | None = None, **options: Any) -> None:
        super().__init__(*expressions, **options)
        self._take(fillfactor=fillfactor)


class BloomIndex(PostgreSQLIndex):
    """For equality of any combination of columns; needs the extension bloom."""

    suffix = "bloom"
    method = "bloom"

    def __init__(
        self, *expressions: Any, length: int | None = None, columns: tuple[int, ...] | list[int] = (), **options: Any
    ) -> None:
        super().__init__(*expressions, **options)
        if len(self.fields) > 32 or len(columns) > len(self.fields):
            raise ModelDefinitionError("Bloom indexes support a maximum of 32 fields, and no more columns than fields")
        if length is not None and not 0 < length <= 4096:
            raise ModelDefinitionError("BloomIndex.length must be None or an integer from 1 to 4096")
        if any(not 0 < bits <= 4095 for bits in columns):
            raise ModelDefinitionError("BloomIndex.columns must contain integers from 1 to 4095")
        self._take(length=length, **{f"col{number}": bits for number, bits in enumerate(columns, start=1)})
