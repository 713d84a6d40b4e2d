"""Mappings whose keys may have several values; the plain mapping view shows the last one."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from operator import itemgetter
from typing import Any, TypeVar
from urllib.parse import unquote_plus, unquote_to_bytes, urlencode

Key = TypeVar("Key")
Value_co = TypeVar("Value_co", covariant=True)


def parse_query(text: str) -> list[tuple[str, str]]:
    """The pairs of a query string, blank values kept; as `parse_qsl`, without its detours. Never raises."""
    pairs = []
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((_unquote(name), _unquote(value)))
    return pairs


def unquote_bytes(data: bytes) -> str:
    """Text from the bytes of an urlencoded name or value. Never raises: U+FFFD stands for what is not UTF-8."""
    return unquote_to_bytes(data.replace(b"+", b" ")).decode("utf-8", "replace")


def _unquote(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


def _pairs(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    if len(args) > 1:
        raise TypeError(f"expected at most one mapping or list of pairs, got {len(args)}")
    pairs: list[tuple[Any, Any]] = []
    if args and args[0]:
        source = args[0]
        if isinstance(source, ImmutableMultiDict):
            pairs = source.multi_items()
        elif hasattr(source, "multi_items"):
            pairs = list(source.multi_items())
        elif hasattr(source, "items"):
            pairs = list(source.items())
        else:
            pairs = list(source)
    pairs.extend(kwargs.items())
    return pairs


class ImmutableMultiDict(Mapping[Key, Value_co]):
    """A read-only mapping that remembers every value of a key, in order: `getlist()`, `multi_items()`."""

    __slots__ = ("_dict", "_list")
    _dict: dict[Key, Value_co]
    _list: list[tuple[Key, Value_co]]

    def __init__(
        self,
        *args: ImmutableMultiDict[Key, Value_co] | Mapping[Key, Value_co] | Iterable[tuple[Key, Value_co]],
        **kwargs: Any,
    ) -> None:
        self._list = _pairs(args, kwargs)
        self._dict = dict(self._list)

    def getlist(self, key: Any) -> list[Value_co]:
        """Every value of `key`, in order; an empty list when there is none."""
        return [value for other, value in self._list if other == key]

    def multi_items(self) -> list[tuple[Key, Value_co]]:
        """Every pair, in order, keys repeated."""
        return list(self._list)

    def keys(self) -> KeysView[Key]:
        return self._dict.keys()

    def values(self) -> ValuesView[Value_co]:
        return self._dict.values()

    def items(self) -> ItemsView[Key, Value_co]:
        return self._dict.items()

    def get(self, key: Any, default: Any = None) -> Any:
        return self._dict.get(key, default)

    def __getitem__(self, key: Key) -> Value_co:
        return self._dict[key]

    def __contains__(self, key: object) -> bool:
        return key in self._dict

    def __iter__(self) -> Iterator[Key]:
        return iter(self._dict)

    def __len__(self) -> int:
        return len(self._dict)

    def __eq__(self, other: object) -> bool:
        """Equal when each key has the same values in the same order; the order of the keys does not matter."""
        if not isinstance(other, type(self)):
            return False
        # The sort is stable: only keys are compared, and the values of one key keep their order.
        return sorted(self._list, key=_by_key) == sorted(other._list, key=_by_key)

    __hash__ = None  # type: ignore[assignment]  # mypy knows no other way to say "not hashable"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._list!r})"


_by_key = itemgetter(0)


class MultiDict(ImmutableMultiDict[Any, Any]):
    """The mapping that can be changed: item assignment replaces all values of a key, `append()` adds one."""

    __slots__ = ()

    def _without(self, keys: Any) -> list[tuple[Any, Any]]:
        return [pair for pair in self._list if pair[0] not in keys]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.setlist(key, [value])

    def __delitem__(self, key: Any) -> None:
        del self._dict[key]
        self._list = self._without((key,))

    def pop(self, key: Any, default: Any = None) -> Any:
        """Removes the key and returns its last value, or `default`: unlike `dict.pop` it never raises."""
        self._list = self._without((key,))
        return self._dict.pop(key, default)

    def popitem(self) -> tuple[Any, Any]:
        key, value = self._dict.popitem()
        self._list = self._without((key,))
        return key, value

    def poplist(self, key: Any) -> list[Any]:
        """Removes the key and returns all its values."""
        values = self.getlist(key)
        self.pop(key)
        return values

    def clear(self) -> None:
        self._dict.clear()
        self._list.clear()

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self._dict:
            self.append(key, default)
        return self._dict[key]

    def setlist(self, key: Any, values: list[Any]) -> None:
        """Replaces the values of the key; an empty list removes it."""
        if not values:
            self.pop(key)
            return
        self._list = self._without((key,)) + [(key, value) for value in values]
        self._dict[key] = values[-1]

    def append(self, key: Any, value: Any) -> None:
        """Adds one more value to the key."""
        self._list.append((key, value))
        self._dict[key] = value

    def update(
        self, *args: ImmutableMultiDict[Any, Any] | Mapping[Any, Any] | Iterable[tuple[Any, Any]], **kwargs: Any
    ) -> None:
        """Replaces the values of every key that the argument has, with all the values it has there."""
        pairs = _pairs(args, kwargs)
        new = dict(pairs)
        self._list = self._without(new) + pairs
        self._dict.update(new)


class QueryParams(ImmutableMultiDict[str, str]):
    """The parameters of a query string; takes the string, its bytes, a mapping or pairs, and turns values into str.

    Percent-encoding that is not UTF-8 becomes U+FFFD: no query string makes it raise.
    """

    __slots__ = ()

    def __init__(
        self,
        *args: ImmutableMultiDict[Any, Any] | Mapping[Any, Any] | Iterable[tuple[Any, Any]] | str | bytes,
        **kwargs: Any,
    ) -> None:
        source = args[0] if len(args) == 1 else None
        if isinstance(source, bytes):
            source = source.decode("utf-8", "replace")
        if isinstance(source, str):
            self._list = parse_query(source)
            self._list.extend((key, str(value)) for key, value in kwargs.items())
        else:
            self._list = [(str(key), str(value)) for key, value in _pairs(args, kwargs)]
        self._dict = dict(self._list)

    def __str__(self) -> str:
        return urlencode(self._list)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"
