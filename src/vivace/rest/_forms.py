"""Reading form data as nested values: `authors[0]name=Ann&tags=a&tags=b`, as in `rest_framework.utils.html`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vivace.web.datastructures import MultiDict

# A form could otherwise ask for `a[999999999]` items.
MAX_INDEX_DIGITS = 6


def is_form(data: Any) -> bool:
    """Whether `data` came from an HTML form: a mapping that may hold several values of one name, all of them texts."""
    return hasattr(data, "getlist")


def pairs(data: Any) -> list[tuple[str, Any]]:
    """Every name and value of form data, in order."""
    found: list[tuple[str, Any]] = data.multi_items()
    return found


def parse_list(data: Any, prefix: str = "") -> list[Any] | None:
    """The items written as `prefix[0]=…`, `prefix[0]name=…` or `prefix[0][1]=…`, by index; None when there are none."""
    pattern = re.compile(rf"{re.escape(prefix)}\[(\d{{1,{MAX_INDEX_DIGITS}}})\](.*)", re.DOTALL)
    plain: dict[int, Any] = {}
    nested: dict[int, list[tuple[str, Any]]] = {}
    for name, value in pairs(data):
        if (found := pattern.fullmatch(name)) is None:
            continue
        index, rest = int(found[1]), found[2]
        if rest:
            nested.setdefault(index, []).append((rest.removeprefix("."), value))
        else:
            plain[index] = value
    items = {**{index: MultiDict(members) for index, members in nested.items()}, **plain}
    return [items[index] for index in sorted(items)] if items else None


def parse_dict(data: Any, prefix: str) -> Mapping[str, Any] | None:
    """The members written as `prefix.name=…`, as form data of their own; None when there are none."""
    start = f"{prefix}."
    members = [(name.removeprefix(start), value) for name, value in pairs(data) if name.startswith(start)]
    return MultiDict(members) if members else None
