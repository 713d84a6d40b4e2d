"""What a view's `versioning_class` adds to its operations; one version may be described, or all together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


class Versions:
    """The versions of one view."""

    def __init__(self, view: Any, described: str | None) -> None:
        cls = getattr(view, "versioning_class", None)
        self.versioning: Any = None if cls is None else cls()
        self.kind = "" if cls is None else _kind(cls)
        self.described = described if described is not None else getattr(self.versioning, "default_version", None)
        self.is_chosen = described is not None and cls is not None

    @property
    def has_operation(self) -> bool:
        """Whether the version described is one that the view answers."""
        allowed = list(getattr(self.versioning, "allowed_versions", None) or ())
        return not (self.is_chosen and allowed) or self.described in [*allowed, self.versioning.default_version]

    @property
    def param(self) -> str:
        """The name of the path or query parameter with the version."""
        return getattr(self.versioning, "version_param", None) or "version"

    def path(self, path: str) -> str:
        """A path with the version described in it."""
        if not self.is_chosen or self.kind != "URLPathVersioning":
            return path
        return path.replace(f"{{{self.param}}}", str(self.described)).replace(
            f"{{{self.param}:str}}", str(self.described)
        )

    def parameters(self, path: str) -> Iterator[dict[str, Any]]:
        """The parameter that says which version is asked for."""
        allowed = [
            version for version in getattr(self.versioning, "allowed_versions", None) or () if version is not None
        ]
        schema: dict[str, Any] = {"type": "string", **({"enum": allowed} if allowed else {})}
        if self.kind == "URLPathVersioning" and not self.is_chosen and f"{{{self.param}" in path:
            yield {"name": self.param, "in": "path", "required": True, "schema": schema}
        elif self.kind == "QueryParameterVersioning":
            if self.described is not None:
                schema["default"] = self.described
            yield {"name": self.param, "in": "query", "required": False, "schema": schema}

    def media_types(self, media_types: Sequence[str]) -> list[str]:
        """Media types with the version described, where the Accept header says it."""
        if self.kind != "AcceptHeaderVersioning" or not self.is_chosen:
            return list(media_types)
        return [f"{media_type}; {self.param}={self.described}" for media_type in media_types]


def _kind(cls: type[Any]) -> str:
    """The versioning class's own name among those of the framework, whatever is derived from it."""
    names = [base.__name__ for base in cls.__mro__]
    return next((name for name in names if name in KINDS), "")


KINDS = (
    "URLPathVersioning",
    "QueryParameterVersioning",
    "AcceptHeaderVersioning",
    "NamespaceVersioning",
    "HostNameVersioning",
)
