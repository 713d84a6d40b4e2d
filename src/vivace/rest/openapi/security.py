"""How one proves to an API who one is: the security schemes of authentication classes.

An authentication class says so itself: `security_scheme`, an OpenAPI Security Scheme Object, and
`security_scheme_name`. https://spec.openapis.org/oas/v3.1.1.html#security-scheme-object
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vivace.rest.permissions import AllowAny, IsAuthenticatedOrReadOnly, ReadOnly

Requirement = dict[str, list[str]]
SAFE = ("get", "head", "options")


class SecuritySchemes:
    """Collects the schemes that operations name."""

    def __init__(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        self.schemes: dict[str, dict[str, Any]] = {name: dict(scheme) for name, scheme in known.items()}

    def of_view(self, view: Any, method: str) -> list[Requirement]:
        """What a view's operation needs: one of its authentication classes' schemes; none where strangers may ask."""
        found: list[Requirement] = []
        for authentication in view.authentication_classes:
            scheme = getattr(authentication, "security_scheme", None)
            if scheme is None:
                continue
            name = getattr(authentication, "security_scheme_name", None) or authentication.__name__
            self.schemes.setdefault(name, dict(scheme))
            found.append({name: []})
        if found and strangers_may_ask(view.permission_classes, method):
            found.append({})
        return found

    def of_operation(self, operation: Any) -> list[Requirement]:
        """What a typed function needs: all of its schemes together."""
        if not operation.security:
            return []
        for needed in operation.security:
            self.schemes.setdefault(needed.name, dict(needed.definition))
        together = {needed.name: list(needed.scopes) for needed in operation.security}
        return [together, {}] if operation.optional_security else [together]


def strangers_may_ask(permissions: Sequence[Any], method: str) -> bool:
    """Whether the permissions, as far as they are known here, let everybody use the method."""
    open_to_all = (AllowAny, ReadOnly, IsAuthenticatedOrReadOnly) if method in SAFE else (AllowAny,)
    return all(permission in open_to_all for permission in permissions)
