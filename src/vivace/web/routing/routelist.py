"""A list of routes that says when it changes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vivace.web.routing.routes import BaseRoute


class RouteList(list["BaseRoute"]):
    """A list that calls `on_change` after each change, so that what is compiled from it can be compiled anew."""

    def __init__(self, routes: Iterable[BaseRoute], *, on_change: Callable[[], None]) -> None:
        super().__init__(routes)
        self._on_change = on_change

    def __reduce__(self) -> tuple[Any, ...]:
        return (list, (list(self),))  # a copy is nobody's table


def _announcing(name: str) -> Callable[..., Any]:
    change = getattr(list, name)

    @functools.wraps(change)
    def method(self: RouteList, *args: Any, **kwargs: Any) -> Any:
        try:
            return change(self, *args, **kwargs)
        finally:
            self._on_change()

    return method


for _name in (
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
    "__delitem__", "__iadd__", "__imul__", "__setitem__",
):  # fmt: skip
    setattr(RouteList, _name, _announcing(_name))
