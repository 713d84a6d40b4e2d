"""HTML from Jinja2 templates (names as in `starlette.templating`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, overload

import jinja2

from vivace.web._template_context import offered
from vivace.web._template_environment import Environment as Environment
from vivace.web.background import BackgroundTask
from vivace.web.datastructures import URL
from vivace.web.requests import Request
from vivace.web.responses import HTMLResponse
from vivace.web.types import Receive, Scope, Send

ContextProcessor = Callable[[Request], Mapping[str, Any]]


class _TemplateResponse(HTMLResponse):
    """A rendered template that tells a test client what it was made of.

    One of an environment with `enable_async` may await what it calls: it is rendered when the response is sent.
    """

    def __init__(
        self,
        template: jinja2.Template,
        context: dict[str, Any],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        self.template = template
        self.context = context
        self._is_rendered = not template.environment.is_async
        content = template.render(context) if self._is_rendered else ""
        super().__init__(content, status_code, headers, media_type, background)

    async def render_async(self) -> None:
        """Renders the template of an async environment, which sending does otherwise."""
        if not self._is_rendered:
            self.body = (await self.template.render_async(self.context)).encode(self.charset)
            self.headers["content-length"] = str(len(self.body))
            self._is_rendered = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.render_async()
        if "http.response.debug" in scope.get("extensions", {}):
            info = {"template": self.template, "context": self.context}
            await send({"type": "http.response.debug", "info": info})
        await super().__call__(scope, receive, send)


class TemplatesArgumentError(TypeError, AssertionError):
    """Templates from a directory and an environment, or from neither. Starlette raises an AssertionError here."""


class Jinja2Templates:
    """Renders templates from a directory, or from an environment of your own.

    Everything but `.txt` templates is autoescaped. Templates see `request`, `url_for(name, **path_params)`,
    `static("app.css")`, which is the path of a file in the `Mount` called "static", what the context processors add,
    and what middleware offers (`csrf_token`, `csrf_input`, `csp_nonce`). In an `env` with `enable_async=True` they may
    call async functions.

        templates = Jinja2Templates(directory="templates")

        async def homepage(request):
            return templates.TemplateResponse(request, "index.html", {"books": books})
    """

    @overload
    def __init__(
        self,
        directory: str | PathLike[str] | Sequence[str | PathLike[str]],
        *,
        context_processors: Sequence[ContextProcessor] | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self, *, env: jinja2.Environment, context_processors: Sequence[ContextProcessor] | None = None
    ) -> None: ...
    def __init__(
        self,
        directory: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None,
        *,
        context_processors: Sequence[ContextProcessor] | None = None,
        env: jinja2.Environment | None = None,
    ) -> None:
        if directory is not None and env is None:
            env = _environment(directory)
        elif directory is not None or env is None:
            raise TemplatesArgumentError("either 'directory' or 'env' arguments must be passed")
        self.context_processors = list(context_processors or ())
        self.env = env
        self.env.globals.setdefault("url_for", _url_for)
        self.env.globals.setdefault("static", _static)

    def get_template(self, name: str) -> jinja2.Template:
        """The template; jinja2.TemplateNotFound when there is none."""
        return self.env.get_template(name)

    def TemplateResponse(  # noqa: N802 (the name every Starlette project knows)
        self,
        request: Request,
        name: str,
        context: Mapping[str, Any] | None = None,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> _TemplateResponse:
        """The template `name`, rendered with `context`, as an HTML response."""
        if isinstance(request, str):  # type: ignore[unreachable]
            # The order before Starlette 0.29, which many tutorials still show.
            raise TypeError("TemplateResponse takes the request first: TemplateResponse(request, name, context)")
        full_context = {"request": request, **offered(request.scope), **(context or {})}
        for processor in self.context_processors:
            full_context.update(processor(request))
        template = self.get_template(name)
        return _TemplateResponse(template, full_context, status_code, headers, media_type, background)


def _environment(directory: str | PathLike[str] | Sequence[str | PathLike[str]]) -> jinja2.Environment:
    # Jinja's own choice leaves `page.html.j2` unescaped.
    autoescape = jinja2.select_autoescape(enabled_extensions=(), disabled_extensions=("txt",), default=True)
    return Environment(loader=jinja2.FileSystemLoader(directory), autoescape=autoescape)


@jinja2.pass_context
def _url_for(context: jinja2.runtime.Context, name: str, /, **path_params: Any) -> URL:
    request: Request = context["request"]
    return request.url_for(name, **path_params)


@jinja2.pass_context
def _static(context: jinja2.runtime.Context, path: str) -> str:
    """The URL of a static file, without scheme and host where the page's own will do."""
    request: Request = context["request"]
    url = request.url_for("static", path=path)
    return url.path if url.netloc == request.base_url.netloc else str(url)
