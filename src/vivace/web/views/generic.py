"""Class-based views for pages and redirects (names as in `django.views.generic`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivace.web.exceptions import HTTPException
from vivace.web.requests import Request
from vivace.web.responses import RedirectResponse, Response
from vivace.web.shortcuts import render
from vivace.web.templating import Jinja2Templates
from vivace.web.urls import reverse
from vivace.web.views.base import View, resolved

__all__ = ["ContextMixin", "RedirectView", "TemplateResponseMixin", "TemplateView", "View"]


class ContextMixin:
    """What a template is given: the keyword arguments, `view`, and `extra_context`."""

    extra_context: Mapping[str, Any] | None = None

    def get_context_data(self, **kwargs: Any) -> Any:
        """The context. Override it, plain or async, and add to what `super()` gives."""
        kwargs.setdefault("view", self)
        return {**kwargs, **(self.extra_context or {})}


class TemplateResponseMixin:
    """A response made of a template."""

    template_name: str | None = None
    template_engine: Jinja2Templates | None = None
    content_type: str | None = None
    request: Request

    def render_to_response(self, context: Mapping[str, Any], **response_kwargs: Any) -> Response:
        """The template with the context; `response_kwargs` are those of `render()`: `status`, `headers`."""
        response_kwargs.setdefault("content_type", self.content_type)
        return render(self.request, self.get_template_names(), context, using=self.template_engine, **response_kwargs)

    def get_template_names(self) -> list[str]:
        """The templates that may be used; the first that exists is. Raises TypeError when there is none."""
        if self.template_name is None:
            raise TypeError(f"{type(self).__name__} needs a template_name, or a get_template_names().")
        return [self.template_name]


class TemplateView(TemplateResponseMixin, ContextMixin, View):
    """A page: `TemplateView.as_view(template_name="about.html")`. The template sees the parameters of the URL."""

    async def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The page."""
        context = await resolved(self.get_context_data(**kwargs))
        response: Response = await resolved(self.render_to_response(context))
        return response


class RedirectView(View):
    """A redirect, for any method: `RedirectView.as_view(pattern_name="book")` or `(url="/new/%(slug)s/")`.

    302, or 301 when `permanent`; 410 when there is no URL. `query_string` appends that of the request.
    """

    permanent = False
    url: str | None = None
    pattern_name: str | None = None
    query_string = False

    def get_redirect_url(self, *args: Any, **kwargs: Any) -> Any:
        """Where to go, None for nowhere. Override it, plain or async. NoReverseMatch for an unknown name."""
        if self.url is not None:
            url = str(self.url) % kwargs
        elif self.pattern_name is not None:
            url = reverse(self.pattern_name, args=args, kwargs=kwargs)
        else:
            return None
        query = self.request.url.query
        return f"{url}{'&' if '?' in url else '?'}{query}" if query and self.query_string else url

    async def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The redirect. Raises HTTPException(410) without a URL."""
        url = await resolved(self.get_redirect_url(*args, **kwargs))
        if url is None:
            raise HTTPException(410)
        return RedirectResponse(str(url), status_code=301 if self.permanent else 302)

    head = post = options = put = patch = delete = get
