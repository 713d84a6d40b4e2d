"""What middleware offers to templates: names that every template rendered for the request knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivace.web.types import Scope

_KEY = "vivace.template_context"


def offer(scope: Scope, name: str, value: Any) -> None:
    """Templates rendered for this request know `value` as `name`, unless their own context says otherwise."""
    scope.setdefault(_KEY, {})[name] = value


def offered(scope: Scope) -> Mapping[str, Any]:
    """All that was offered."""
    return scope.get(_KEY) or {}
