"""Which routes `reverse()` means when nobody says: those of the request that is being answered."""

from __future__ import annotations

from contextvars import ContextVar

from vivace.web.types import Scope

# The scope of the request that a view of `path()` is answering.
current_scope: ContextVar[Scope | None] = ContextVar("vivace.web.urls.current_scope", default=None)
