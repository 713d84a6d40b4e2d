"""Header fields as ASGI carries them: a list of byte pairs, looked up without regard to case.

Setters take text and refuse what would let a value break out of its line (RFC 9110 section 5.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Self

# RFC 9110 5.6.2: what a field name is made of.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


@lru_cache(maxsize=1024)
def encode_name(name: str) -> bytes:
    """A field name as it travels in ASGI: lower case, checked to be a token. ValueError when it is not."""
    if _TOKEN.fullmatch(name) is None:
        raise ValueError(f"{name!r} is not a header name: letters, digits and hyphens are allowed")
    return name.lower().encode("latin-1")


def encode_value(value: str) -> bytes:
    """A field value as it travels in ASGI. ValueError for line breaks, NUL and what Latin-1 cannot say."""
    if "\n" in value or "\r" in value or "\0" in value:
        raise ValueError(f"a header value cannot contain CR, LF or NUL: {value!r}")
    return value.encode("latin-1")


@lru_cache(maxsize=1024)
def _lookup_name(name: str) -> bytes:
    # A name that cannot exist is simply not found.
    return name.lower().encode("latin-1", "xmlcharrefreplace")


class Headers(Mapping[str, str]):
    """Read-only, case-insensitive header fields; `headers["name"]` is the first of several, `getlist()` gives all.

    Takes a mapping of text, `raw` byte pairs with names in lower case, or an ASGI scope, whose list it then shares.
    """

    __slots__ = ("_list",)
    _list: list[tuple[bytes, bytes]]

    def __init__(
        self,
        headers: Mapping[str, str] | None = None,
        raw: list[tuple[bytes, bytes]] | None = None,
        scope: MutableMapping[str, Any] | None = None,
    ) -> None:
        if (headers is not None) + (raw is not None) + (scope is not None) > 1:
            raise TypeError('Headers takes only one of "headers", "raw" and "scope"')
        if scope is not None:
            found = scope["headers"]
            if type(found) is not list:
                # ASGI allows any iterable, and a generator could be read only once.
                found = scope["headers"] = list(found)
            self._list = found
        elif raw is not None:
            self._list = raw
        elif headers is not None:
            self._list = [(encode_name(name), encode_value(value)) for name, value in headers.items()]
        else:
            self._list = []

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """A copy of the byte pairs."""
        return list(self._list)

    def keys(self) -> list[str]:  # type: ignore[override]
        return [name.decode("latin-1") for name, _ in self._list]

    def values(self) -> list[str]:  # type: ignore[override]
        return [value.decode("latin-1") for _, value in self._list]

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._list]

    def get(self, key: str, default: Any = None) -> Any:
        wanted = _lookup_name(key)
        for name, value in self._list:
            if name == wanted:
                return value.decode("latin-1")
        return default

    def getlist(self, key: str) -> list[str]:
        """Every value of the field, in order; an empty list when there is none."""
        wanted = _lookup_name(key)
        return [value.decode("latin-1") for name, value in self._list if name == wanted]

    def mutablecopy(self) -> MutableHeaders:
        return MutableHeaders(raw=list(self._list))

    def __getitem__(self, key: str) -> str:
        value: str | None = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._list)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and sorted(self._list) == sorted(other._list)

    __hash__ = None  # type: ignore[assignment]  # mypy knows no other way to say "not hashable"

    def __repr__(self) -> str:
        as_dict = dict(self.items())
        if len(as_dict) == len(self):
            return f"{type(self).__name__}({as_dict!r})"
        return f"{type(self).__name__}(raw={self._list!r})"


class MutableHeaders(Headers):
    """Header fields that can be set; every setter raises ValueError for a name or value that cannot be sent."""

    __slots__ = ()

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """The byte pairs themselves: changing the list changes the headers."""
        return self._list

    def __setitem__(self, key: str, value: str) -> None:
        """Sets the field in the place of its first occurrence and removes the others."""
        pair = name, _ = encode_name(key), encode_value(value)
        fields = self._list
        for position, (other, _) in enumerate(fields):
            if other == name:
                fields[position] = pair
                # In place: a response's `raw_headers` is this very list.
                fields[position + 1 :] = [field for field in fields[position + 1 :] if field[0] != name]
                return
        fields.append(pair)

    def __delitem__(self, key: str) -> None:
        """Removes the field; it need not exist."""
        name = _lookup_name(key)
        self._list[:] = [field for field in self._list if field[0] != name]

    def __ior__(self, other: Mapping[str, str]) -> Self:
        self.update(_as_mapping(other))
        return self

    def __or__(self, other: Mapping[str, str]) -> MutableHeaders:
        new = self.mutablecopy()
        new.update(_as_mapping(other))
        return new

    def setdefault(self, key: str, value: str) -> str:
        """Sets the field if it is absent and returns the value it then has."""
        found: str | None = self.get(key)
        if found is not None:
            return found
        self.append(key, value)
        return value

    def update(self, other: Mapping[str, str]) -> None:
        for key, value in other.items():
            self[key] = value

    def append(self, key: str, value: str) -> None:
        """Adds a field and keeps those of the same name (Set-Cookie, Link)."""
        self._list.append((encode_name(key), encode_value(value)))

    def add_vary_header(self, vary: str) -> None:
        """Adds to Vary what the response depends on."""
        self["vary"] = ", ".join([*self.getlist("vary"), vary])


def _as_mapping(other: object) -> Mapping[str, str]:
    if not isinstance(other, Mapping):
        raise TypeError(f"Expected a mapping but got {type(other).__name__}")
    return other
