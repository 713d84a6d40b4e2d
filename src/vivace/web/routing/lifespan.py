"""Start-up and shutdown: of a router, and of the applications mounted in it, which Starlette leaves out (its #649)."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from vivace.web._lifespan import LifespanSession, LifespanUnsupported
from vivace.web._utils import create_collapsing_task_group, is_async_callable
from vivace.web.exceptions import VivaceDeprecationWarning
from vivace.web.types import ASGIApp, Lifespan, Scope

# Where the state of mounted applications waits in the server's state, by the id of the application.
MOUNTED_STATE_KEY = "vivace.mounted_state"


@asynccontextmanager
async def no_lifespan(app: Any) -> AsyncIterator[None]:
    """The lifespan of an application that has nothing to open or close."""
    yield


def as_lifespan(lifespan: Lifespan[Any] | None) -> Lifespan[Any]:
    """The lifespan as a function that gives an async context manager; generator functions work, with a warning."""
    if lifespan is None:
        return no_lifespan
    if inspect.isasyncgenfunction(lifespan):
        _warn_of_generator("async generator function lifespans")
        return asynccontextmanager(lifespan)
    if inspect.isgeneratorfunction(lifespan):
        _warn_of_generator("generator function lifespans")
        return _lifted(contextlib.contextmanager(lifespan))
    return lifespan


def _warn_of_generator(what: str) -> None:
    warnings.warn(
        f"{what} are deprecated, use an @contextlib.asynccontextmanager function instead",
        VivaceDeprecationWarning,
        stacklevel=4,
    )


def _lifted(lifespan: Callable[[Any], contextlib.AbstractContextManager[Any]]) -> Lifespan[Any]:
    @asynccontextmanager
    async def lifted(app: Any) -> AsyncIterator[Any]:
        with lifespan(app) as state:
            yield state

    return lifted


def with_handlers(
    lifespan: Lifespan[Any], on_startup: Sequence[Callable[[], Any]], on_shutdown: Sequence[Callable[[], Any]]
) -> Lifespan[Any]:
    """`lifespan`, then the start-up handlers; the shutdown handlers before it closes."""

    @asynccontextmanager
    async def combined(app: Any) -> AsyncIterator[Any]:
        async with lifespan(app) as state:
            await _call_all(on_startup)
            yield state
            await _call_all(on_shutdown)

    return combined


async def _call_all(handlers: Iterable[Callable[[], Any]]) -> None:
    for handler in handlers:
        if is_async_callable(handler):
            await handler()
        else:
            handler()


def mounted_lifespans(apps: Sequence[ASGIApp], scope: Scope) -> AbstractAsyncContextManager[None]:
    """Runs the lifespans of these applications: up in order, down in reverse.

    Each gets a copy of the state so far; what it adds is for its own requests only (`enter_mounted_state`).
    Applications that do not know the protocol are left alone; one whose start-up fails stops the whole.
    """
    return _run_lifespans(apps, scope) if apps else contextlib.nullcontext()


@asynccontextmanager
async def _run_lifespans(apps: Sequence[ASGIApp], scope: Scope) -> AsyncIterator[None]:
    async with create_collapsing_task_group() as tasks, AsyncExitStack() as stack:
        for app in apps:
            state = dict(scope["state"]) if "state" in scope else None
            child_scope: dict[str, Any] = {"type": "lifespan", "asgi": dict(scope.get("asgi", {"version": "3.0"}))}
            if state is not None:
                child_scope["state"] = state
            session = LifespanSession(app, child_scope)
            tasks.start_soon(session.run)
            try:
                await session.startup()
            except LifespanUnsupported:
                session.close()
                continue
            except BaseException:
                session.close()
                raise
            stack.push_async_callback(session.shutdown)
            if state is not None:
                _keep_state(scope["state"], app, state)
        yield


def _keep_state(shared: dict[str, Any], app: ASGIApp, state: dict[str, Any]) -> None:
    added = {name: value for name, value in state.items() if name not in shared or shared[name] is not value}
    if added:
        shared.setdefault(MOUNTED_STATE_KEY, {})[id(app)] = added


def enter_mounted_state(scope: Scope, app: ASGIApp) -> None:
    """Gives a request that goes into a mounted application what that application's lifespan yielded."""
    state = scope.get("state")
    if state and MOUNTED_STATE_KEY in state:
        state.update(state[MOUNTED_STATE_KEY].get(id(app), {}))
