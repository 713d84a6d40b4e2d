"""Which methods a view answers (as in `django.views.decorators.http`)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from vivace.web._utils import is_async_callable
from vivace.web.exceptions import HTTPException
from vivace.web.requests import Request

View = TypeVar("View", bound=Callable[..., Any])


def require_http_methods(request_method_list: Collection[str]) -> Callable[[View], View]:
    """Lets a view, async or plain, answer these methods only; 405 with Allow for others.

    `@require_http_methods(["GET", "POST"])`. GET does not bring HEAD: `require_safe` is for both. Raises TypeError for
    text instead of a list.
    """
    if isinstance(request_method_list, str):
        raise TypeError(f"require_http_methods() takes a list, got {request_method_list!r}.")
    allowed = [method.upper() for method in request_method_list]

    def check(request: Request) -> None:
        if request.method not in allowed:
            raise HTTPException(405, headers={"Allow": ", ".join(allowed)})

    def decorator(view: View) -> View:
        if is_async_callable(view):

            @functools.wraps(view)
            async def checked(request: Request, *args: Any, **kwargs: Any) -> Any:
                check(request)
                return await view(request, *args, **kwargs)
        else:

            @functools.wraps(view)
            def checked(request: Request, *args: Any, **kwargs: Any) -> Any:
                check(request)
                return view(request, *args, **kwargs)

        checked.__dict__["allowed_methods"] = allowed
        return checked  # type: ignore[return-value]

    return decorator


require_GET = require_http_methods(["GET"])  # noqa: N816 (Django's name)
require_GET.__doc__ = "Lets a view answer GET only."
require_POST = require_http_methods(["POST"])  # noqa: N816 (Django's name)
require_POST.__doc__ = "Lets a view answer POST only."
require_safe = require_http_methods(["GET", "HEAD"])
require_safe.__doc__ = "Lets a view answer GET and HEAD only: what changes nothing."
