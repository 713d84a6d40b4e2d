"""`url_for` in a mounted application that was made to stand alone, and knows its routes by their plain names."""

from __future__ import annotations

from typing import Any

from vivace.web.datastructures import URLPath
from vivace.web.routing.paths import quote_meaning
from vivace.web.types import ASGIApp, Scope


class MountedNames:
    """What `scope["router"]` is in there: the names of the outermost router, as in Starlette, then those of its own.

    The application may be another toolkit's: FastAPI on Starlette.
    """

    __slots__ = ("_app", "_prefix", "router")

    def __init__(self, router: Any, app: Any, prefix: str) -> None:
        self.router = router
        self._app = app
        self._prefix = prefix

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path as the outermost router counts it. Raises the application's own exception for an unknown name."""
        found: URLPath | None = self.router.find_url_path(name, path_params)
        return found if found is not None else self._below(self._app.url_path_for(name, **path_params))

    def find_url_path(self, name: str, path_params: dict[str, Any]) -> URLPath | None:
        """As `url_path_for`, for what is mounted further in: None for no such route."""
        found: URLPath | None = self.router.find_url_path(name, path_params)
        if found is None and hasattr(self._app.router, "find_url_path"):
            own = self._app.router.find_url_path(name, path_params)
            found = None if own is None else self._below(own)
        return found

    def _below(self, path: Any) -> URLPath:
        return URLPath(path=quote_meaning(self._prefix) + str(path), protocol=getattr(path, "protocol", ""))


def offer_own_names(scope: Scope, app: ASGIApp) -> None:
    """Let a request find the names of `app`, which it is about to enter, if that is a whole application."""
    outer = scope.get("router")
    if hasattr(outer, "find_url_path") and hasattr(app, "router") and hasattr(app, "url_path_for"):
        prefix = scope.get("root_path", "").removeprefix(scope.get("app_root_path", ""))
        scope["router"] = MountedNames(outer, app, prefix)
