"""Which version of the API a request means; `rest_framework.versioning`. Views find it in `request.version`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vivace.rest.exceptions import APIException, NotAcceptable, NotFound
from vivace.rest.settings import setting
from vivace.web.formparsers import parse_media_type


class BaseVersioning:
    """Derive and write `determine_version()`; `reverse()` puts the version into addresses."""

    default_version: str | None = setting("DEFAULT_VERSION")
    allowed_versions: Sequence[str] | None = setting("ALLOWED_VERSIONS")
    version_param: str = setting("VERSION_PARAM")

    def determine_version(self, request: Any, **kwargs: Any) -> str | None:
        """The version that the request means. Raises an APIException for one that is not allowed."""
        raise NotImplementedError(f"{type(self).__name__}.determine_version() is needed")

    def reverse(self, viewname: str, kwargs: Mapping[str, Any] | None = None, request: Any = None, **extra: Any) -> str:
        """The address of the route called `viewname`, in the request's version."""
        return str(request.url_for(viewname, **{**(kwargs or {}), **extra}))

    def is_allowed_version(self, version: str | None) -> bool:
        """Whether there is such a version; any is allowed when `allowed_versions` names none."""
        if not self.allowed_versions:
            return True
        return (version is not None and version == self.default_version) or version in self.allowed_versions

    def _checked(self, version: str | None, refusal: APIException) -> str | None:
        if not self.is_allowed_version(version):
            raise refusal
        return version


class AcceptHeaderVersioning(BaseVersioning):
    """`Accept: application/json; version=1.0`."""

    invalid_version_message = 'Invalid version in "Accept" header.'

    def determine_version(self, request: Any, **kwargs: Any) -> str | None:
        _, parameters = parse_media_type(request.accepted_media_type or "")
        asked = parameters.get(self.version_param.encode())
        version = self.default_version if asked is None else asked.decode("utf-8", "replace")
        return self._checked(version, NotAcceptable(self.invalid_version_message))


class URLPathVersioning(BaseVersioning):
    """`/{version}/books/`: a parameter of the path."""

    invalid_version_message = "Invalid version in URL path."

    def determine_version(self, request: Any, **kwargs: Any) -> str | None:
        version = kwargs.get(self.version_param)
        version = self.default_version if version is None else str(version)
        return self._checked(version, NotFound(self.invalid_version_message))

    def reverse(self, viewname: str, kwargs: Mapping[str, Any] | None = None, request: Any = None, **extra: Any) -> str:
        if request.version is not None:
            kwargs = {self.version_param: request.version, **(kwargs or {})}
        return super().reverse(viewname, kwargs, request, **extra)


class NamespaceVersioning(BaseVersioning):
    """`/v1/books/` and `/v2/books/`, each in a `Mount` whose name is the version."""

    invalid_version_message = "Invalid version in URL path. Does not match any version namespace."

    def determine_version(self, request: Any, **kwargs: Any) -> str | None:
        namespaces = mounted_names(request)
        if not namespaces:
            return self.default_version
        version = next((name for name in namespaces if self.is_allowed_version(name)), None)
        if version is None:
            raise NotFound(self.invalid_version_message)
        return version

    def reverse(self, viewname: str, kwargs: Mapping[str, Any] | None = None, request: Any = None, **extra: Any) -> str:
        if request.version is not None:
            viewname = self.get_versioned_viewname(viewname, request)
        return super().reverse(viewname, kwargs, request, **extra)

    def get_versioned_viewname(self, viewname: str, request: Any) -> str:
        """The route's name in the request's own version, with what that is mounted in."""
        namespaces = mounted_names(request)
        before = namespaces[: namespaces.index(request.version)] if request.version in namespaces else []
        return ":".join([*before, request.version, viewname])


def mounted_names(request: Any) -> list[str]:
    """The names of the Mounts that lead to the request's path, the outermost first."""
    provider = request.scope.get("router") or request.scope.get("app")
    root_path = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    scope = {**request.scope, "root_path": root_path, "path_params": {}}
    scope.pop("app_root_path", None)
    found: list[str] = []
    routes = getattr(provider, "routes", ())
    while routes:
        for route in routes:
            match, child_scope = route.matches(scope)
            if match.value:
                break
        else:
            break
        routes = getattr(route, "routes", None)
        if routes:
            scope = {**scope, **child_scope}
            if name := getattr(route, "name", None):
                found.append(name)
    return found


class HostNameVersioning(BaseVersioning):
    """`v1.example.com`: the first part of a host name of three."""

    hostname_regex = re.compile(r"([a-zA-Z0-9]+)\.[a-zA-Z0-9]+\.[a-zA-Z0-9]+")
    invalid_version_message = "Invalid version in hostname."

    def determine_version(self, request: Any, **kwargs: Any) -> str | None:
        found = self.hostname_regex.fullmatch(request.url.hostname or "")
        if found is None:
            return self.default_version
        return self._checked(found[1], NotFound(self.invalid_version_message))


class QueryParameterVersioning(BaseVersioning):
    """`?version=1.0`."""

    invalid_version_message = "Invalid version in query parameter."

    def determine_version(self, request: Any, **kwargs: Any) -> str | None:
        version = request.query_params.get(self.version_param, self.default_version)
        return self._checked(version, NotFound(self.invalid_version_message))

    def reverse(self, viewname: str, kwargs: Mapping[str, Any] | None = None, request: Any = None, **extra: Any) -> str:
        url = request.url_for(viewname, **{**(kwargs or {}), **extra})
        if request.version is not None:
            url = url.include_query_params(**{self.version_param: request.version})
        return str(url)
