"""Which reads must see the primary although there are replicas: those of a context that has just written.

A replica is always a little late. So each context remembers in a `ReadScope` when it last wrote; the scope is an object
that child tasks share, so a write of theirs counts too. One that nobody opened begins with the first statement of a
context, and its writes count for some seconds (`sticky`); one that was opened, around a request or a job, lasts until
its end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextvars import ContextVar
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from vivace.databases.backends.base import Backend
    from vivace.databases.backends.replicated import ReplicatedBackend


class ReadScope:
    """When the contexts that share it may read from replicas again; `sticky` is how many seconds a write counts.

    A write counts for the scope `around` it too.
    """

    __slots__ = ("_around", "_primary_until", "sticky")

    def __init__(self, sticky: float, around: ReadScope | None = None) -> None:
        self.sticky = sticky
        self._around = around
        self._primary_until = -math.inf

    def note_write(self) -> None:
        """Something was written."""
        self._primary_until = max(self._primary_until, monotonic() + self.sticky)
        if self._around is not None:
            self._around.note_write()

    @property
    def must_see_writes(self) -> bool:
        """Whether a replica could lack what was written."""
        return monotonic() < self._primary_until


class _State(NamedTuple):
    scope: ReadScope
    uses_primary: bool


_NONE: Mapping[Any, _State] = {}
# By backend; replaced, never changed, and put back by value (see frames.py).
_states: ContextVar[Mapping[Any, _State]] = ContextVar("vivace.databases.replication", default=_NONE)


def scope_of(backend: ReplicatedBackend) -> ReadScope:
    """The scope of this context, begun now if there is none."""
    states = _states.get()
    state = states.get(backend)
    if state is None:
        state = _State(ReadScope(backend.sticky), uses_primary=False)
        _states.set({**states, backend: state})
    return state.scope


def needs_primary(backend: ReplicatedBackend) -> bool:
    """Whether reads of this context go to the primary."""
    state = _states.get().get(backend)
    return state is not None and (state.uses_primary or state.scope.must_see_writes)


def begin_scope(backend: Backend) -> None:
    """Forget, for the rest of this context, what was written before: a request has nothing to do with the last one."""
    states = _states.get()
    sticky = getattr(backend, "sticky", None)
    if sticky is not None:
        _states.set({**states, backend: _State(ReadScope(sticky), uses_primary=False)})


class ReadBlock:
    """What `Database.read_your_writes()` and `Database.use_primary()` return."""

    __slots__ = ("_backend", "_before", "_uses_primary")

    def __init__(self, backend: Backend, *, uses_primary: bool) -> None:
        self._backend = backend
        self._uses_primary = uses_primary
        self._before = _NONE

    def __enter__(self) -> Self:
        states = self._before = _states.get()
        around = states.get(self._backend)
        if self._uses_primary:
            # What is written in the block counts after it, too.
            scope = ReadScope(getattr(self._backend, "sticky", 0.0)) if around is None else around.scope
        else:
            scope = ReadScope(math.inf, None if around is None else around.scope)
        _states.set({**states, self._backend: _State(scope, self._uses_primary)})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        state = _states.get().get(self._backend)
        before = dict(self._before)
        if self._uses_primary and self._backend not in before and state is not None:
            before[self._backend] = _State(state.scope, uses_primary=False)
        _states.set(before)
