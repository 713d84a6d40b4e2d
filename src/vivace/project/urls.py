"""What the module of ROOT_URLCONF says: the site's routes, and its error pages."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from vivace.conf import ConfigurationError
from vivace.project.modules import import_module
from vivace.utils.suggest import did_you_mean
from vivace.web.exceptions import HTTPException
from vivace.web.requests import Request
from vivace.web.routing import BaseRoute
from vivace.web.types import ExceptionHandler
from vivace.web.views.base import call

# The list of routes, in Starlette's words and in Django's: both hold routes of both kinds.
LISTS = ("routes", "urlpatterns")
# https://docs.djangoproject.com/en/5.2/ref/urls/#handler400
ERROR_HANDLERS = {"handler400": 400, "handler403": 403, "handler404": 404, "handler500": 500}


@dataclass(frozen=True, slots=True)
class SiteURLs:
    """The routes in their order, and what answers errors, by status code."""

    routes: Sequence[BaseRoute] = ()
    error_handlers: dict[Any, ExceptionHandler] = field(default_factory=dict)

    @classmethod
    def of(cls, urlconf: str | None) -> SiteURLs:
        """Those of a module. Raises ConfigurationError."""
        if urlconf is None:
            return cls()
        module = import_module(urlconf, named_by="ROOT_URLCONF")
        found = [name for name in LISTS if hasattr(module, name)]
        if not found:
            names = [name for name in vars(module) if not name.startswith("_")]
            raise ConfigurationError(
                f'ROOT_URLCONF: "{urlconf}" has no "routes" (or "urlpatterns"), a list of Route, Mount or path(). '
                + did_you_mean("routes", names, listed_as="Names there")
            )
        if len(found) > 1:
            raise ConfigurationError(f'ROOT_URLCONF: "{urlconf}" has "routes" and "urlpatterns"; one list takes both.')
        routes = getattr(module, found[0])
        wrong = [route for route in routes if not isinstance(route, BaseRoute)]
        if wrong:
            raise ConfigurationError(
                f'ROOT_URLCONF: the {found[0]} of "{urlconf}" hold {wrong[0]!r}, which is no route.'
            )
        handlers = {
            status: _error_handler(getattr(module, name), name)
            for name, status in ERROR_HANDLERS.items()
            if hasattr(module, name)
        }
        return cls(list(routes), handlers)


def _error_handler(view: Any, name: str) -> ExceptionHandler:
    """`handler404(request, exception)`; `handler500(request)` has no exception, as in Django. Also a dotted name."""
    if isinstance(view, str):
        module, _, attribute = view.rpartition(".")
        view = getattr(import_module(module, named_by=name), attribute, None)
    if not callable(view):
        raise ConfigurationError(f"ROOT_URLCONF: {name} must be a function or its dotted name, got {view!r}.")
    takes_exception = len(inspect.signature(view).parameters) > 1
    return _answering(view, takes_exception=takes_exception)


def _answering(view: Callable[..., Any], *, takes_exception: bool) -> ExceptionHandler:
    async def handler(request: Request, exception: Exception) -> Any:
        status = exception.status_code if isinstance(exception, HTTPException) else 500
        given = (request, exception) if takes_exception else (request,)
        response = await call(view, *given)
        if response.status_code == 200:
            # A page that says nothing of it is still an error.
            response.status_code = status
        return response

    return handler
