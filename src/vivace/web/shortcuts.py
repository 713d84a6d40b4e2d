"""The two things that most views end with (as in `django.shortcuts`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jinja2

from vivace.web.requests import Request
from vivace.web.responses import RedirectResponse, Response
from vivace.web.templating import Jinja2Templates
from vivace.web.urls import NoReverseMatch, reverse


def render(
    request: Request,
    template_name: str | Sequence[str],
    context: Mapping[str, Any] | None = None,
    content_type: str | None = None,
    status: int | None = None,
    using: Jinja2Templates | None = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A template as a response; of several names, the first that exists.

    The templates are `using`, or those of the application: its `templates`, or `state.templates`. Raises RuntimeError
    when it has none, jinja2.TemplateNotFound (TemplatesNotFound for several) when there is no such template.
    """
    templates = using or templates_of(request)
    name = template_name if isinstance(template_name, str) else _first(templates, template_name)
    return templates.TemplateResponse(
        request, name, context, status_code=200 if status is None else status, headers=headers, media_type=content_type
    )


def redirect(
    to: str | Callable[..., Any] | Any,
    *args: Any,
    permanent: bool = False,
    preserve_request: bool = False,
    **kwargs: Any,
) -> RedirectResponse:
    """A redirect to a URL, to the name of a route with its arguments, or to an object with `get_absolute_url()`.

    302, or 301 when `permanent`; with `preserve_request` the client repeats method and body: 307, or 308. The URL is
    not checked: for one that a client has named, ask `vivace.utils.http.url_has_allowed_host_and_scheme` first.
    Raises NoReverseMatch for a name that no route has.
    """
    status = (308 if permanent else 307) if preserve_request else (301 if permanent else 302)
    return RedirectResponse(resolve_url(to, *args, **kwargs), status_code=status)


def resolve_url(to: str | Callable[..., Any] | Any, *args: Any, **kwargs: Any) -> str:
    """The URL that `redirect` would go to."""
    if hasattr(to, "get_absolute_url"):
        return str(to.get_absolute_url())
    if callable(to):
        return reverse(to, args=args, kwargs=kwargs)
    url = str(to)
    if url.startswith(("./", "../")):
        return url
    if "/" in url and not args and not kwargs:
        return url  # no name of a route
    try:
        return reverse(url, args=args, kwargs=kwargs)
    except (NoReverseMatch, LookupError):
        if "/" in url or "." in url:
            return url
        raise


def templates_of(request: Request) -> Jinja2Templates:
    """The templates of the application that answers the request. RuntimeError when it has none."""
    app = request.scope.get("app")
    templates = getattr(app, "templates", None) or getattr(getattr(app, "state", None), "templates", None)
    if not isinstance(templates, Jinja2Templates):
        raise RuntimeError(
            "render() does not know the templates: the application has none. Set app.state.templates = "
            'Jinja2Templates(directory="templates"), or say render(…, using=templates).'
        )
    return templates


def _first(templates: Jinja2Templates, names: Sequence[str]) -> str:
    for name in names:
        try:
            templates.get_template(name)
        except jinja2.TemplateNotFound:
            continue
        return name
    raise jinja2.TemplatesNotFound(list(names))
