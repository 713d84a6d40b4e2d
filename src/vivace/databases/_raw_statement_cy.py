# cython: annotation_typing=False, auto_pickle=False
"""A raw statement made ready: each call only puts the values in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from vivace.databases.errors import InterfaceError
from vivace.databases.plan import Plan
from vivace.databases.values import ValueEncoder
from vivace.utils.suggest import did_you_mean


class RawStatement:
    """A raw string made ready: its `Plan` and the names of the parameters in the driver's order."""

    __slots__ = ("_known", "_pick", "names", "plan", "text", "verb")

    def __init__(self, plan: Plan, names: tuple[str, ...], verb: str, text: str) -> None:
        self.plan = plan
        # As its author wrote it, for errors about its parameters.
        self.text = text
        self.names = names
        self.verb = verb
        self._known = frozenset(names)
        self._pick: Any = itemgetter(*names) if len(names) > 1 else None

    def arguments(self, values: Mapping[str, Any] | None) -> tuple[Any, ...]:
        """`values` in the order of the placeholders. Raises `InterfaceError` for a missing or an unknown name."""
        if values is None:
            values = {}
        elif type(values) is not dict:
            values = self._dictionary(values)
        # As many as there are parameters, and each parameter found: so there is no other.
        if len(values) == len(self._known):
            try:
                if self._pick is not None:
                    arguments: tuple[Any, ...] = self._pick(values)
                    return arguments
                return tuple([values[name] for name in self.names])
            except KeyError:
                pass
        raise self._mismatch(values)

    def encoded(self, values: Mapping[str, Any] | None, encoder: ValueEncoder) -> Sequence[Any]:
        """`arguments()`, as the driver takes them."""
        arguments = self.arguments(values)
        plain = encoder.plain
        for value in arguments:
            if type(value) not in plain:
                return encoder.row(arguments)
        return arguments

    def encoded_rows(self, rows: Iterable[Mapping[str, Any]], encoder: ValueEncoder) -> list[Sequence[Any]]:
        """`encoded()` of each of `rows`."""
        return [self.encoded(row, encoder) for row in rows]

    def _dictionary(self, values: Any) -> dict[str, Any]:
        if not hasattr(values, "keys"):
            raise InterfaceError(
                f"The values of a statement are a mapping by the names of its parameters, got {type(values).__name__}",
                sql=self.text,
            )
        return dict(values)

    def _mismatch(self, values: Mapping[str, Any]) -> InterfaceError:
        missing = sorted(self._known - values.keys())
        unknown = sorted([str(name) for name in values.keys() - self._known])
        if missing:
            message = (
                f"No value for the parameter{'s' * (len(missing) > 1)} {', '.join([f':{name}' for name in missing])}."
            )
            if unknown:
                message += f" Values were given for: {', '.join(unknown)}."
        else:
            message = f"The statement has no parameter :{unknown[0]}. "
            message += did_you_mean(unknown[0], self._known, listed_as="Parameters")
        return InterfaceError(message, sql=self.text)
