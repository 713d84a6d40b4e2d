"""HTML for browsers: pages of yours (`TemplateHTMLRenderer`, `StaticHTMLRenderer`), or the data as it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, ClassVar

import jinja2

from vivace.rest.renderers.base import BaseRenderer

_DATA = """\
{%- macro show(value) -%}
{%- if value is mapping -%}
<dl>{% for name, below in value.items() %}<dt>{{ name }}</dt><dd>{{ show(below) }}</dd>{% endfor %}</dl>
{%- elif value is sequence and value is not string -%}
<ol>{% for below in value %}<li>{{ show(below) }}</li>{% endfor %}</ol>
{%- elif value is none -%}
{%- elif value is string and value.startswith(("http://", "https://")) -%}
<a href="{{ value }}">{{ value }}</a>
{%- else -%}
{{ value }}
{%- endif -%}
{%- endmacro -%}
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ title }}</title></head>
<body><h1>{{ title }}</h1>
{{ show(data) }}
</body>
</html>
"""


@cache
def _data_page() -> jinja2.Template:
    return jinja2.Environment(autoescape=True).from_string(_DATA)


def _phrase(status_code: int) -> str:
    try:
        return HTTPStatus(status_code).phrase
    except ValueError:
        return "Error"


class HTMLRenderer(BaseRenderer):
    """The data as a plain page: objects as definition lists, lists as lists, addresses as links; nothing runs in it."""

    media_type = "text/html"
    format = "html"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        view = (renderer_context or {}).get("view")
        title = "Data" if view is None else view.get_view_name()
        return _data_page().render(data=data, title=title).encode()


class TemplateHTMLRenderer(BaseRenderer):
    """A page made by a Jinja template from the response's data.

    The template is `Response(…, template_name=…)`'s, else the view's `template_name` (or `get_template_names()`), else
    the renderer's own. `templates` is a `Jinja2Templates`; by default the application's (`app.templates`). An error is
    shown by the first there is of `exception_template_names`, else as its status in words.
    """

    media_type = "text/html"
    format = "html"
    template_name: str | None = None
    templates: ClassVar[Any] = None
    exception_template_names = ("{status_code}.html", "api_exception.html")

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        context = dict(renderer_context or {})
        response = context["response"]
        if response.exception:
            template = self.get_exception_template(response, context)
        else:
            template = self._environment(context).select_template(self.get_template_names(response, context["view"]))
        values = self.get_template_context(data, context)
        return template.render({**values, "request": context["request"], "view": context["view"]}).encode()

    def _environment(self, context: Mapping[str, Any]) -> jinja2.Environment:
        templates = self.templates or getattr(context["request"].scope.get("app"), "templates", None)
        if templates is None:
            raise TypeError(
                f"{type(self).__name__} has no templates: set `templates = Jinja2Templates(directory=…)` on a subclass"
            )
        environment: jinja2.Environment = templates.env
        return environment

    def get_template_names(self, response: Any, view: Any) -> list[str]:
        """The templates to try for a response that is no error. Raises TypeError when there is none."""
        if response.template_name:
            return [response.template_name]
        if self.template_name:
            return [self.template_name]
        if hasattr(view, "get_template_names"):
            return list(view.get_template_names())
        if getattr(view, "template_name", None):
            return [view.template_name]
        raise TypeError(
            f"{type(view).__name__} has no template: set its `template_name`, or return Response(…, template_name=…)"
        )

    def get_template_context(self, data: Any, renderer_context: Mapping[str, Any]) -> dict[str, Any]:
        """What the template sees: the members of the data, or a list of objects as `results`."""
        values = dict(data) if isinstance(data, Mapping) else {"results": data}
        if renderer_context["response"].exception:
            values["status_code"] = renderer_context["response"].status_code
        return values

    def get_exception_template(self, response: Any, renderer_context: Mapping[str, Any]) -> jinja2.Template:
        """The template that shows an error."""
        names = [name.format(status_code=response.status_code) for name in self.exception_template_names]
        try:
            return self._environment(renderer_context).select_template(names)
        except (jinja2.TemplatesNotFound, TypeError):
            phrase = _phrase(response.status_code)
            return jinja2.Environment(autoescape=True).from_string(f"{response.status_code} {phrase}")


class StaticHTMLRenderer(TemplateHTMLRenderer):
    """HTML that the view returns, as it is. Whatever a visitor wrote must be escaped in it already."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        context = dict(renderer_context or {})
        response = context.get("response")
        if response is not None and response.exception:
            template = self.get_exception_template(response, context)
            return template.render(self.get_template_context(data, context)).encode()
        return data if isinstance(data, bytes) else str("" if data is None else data).encode()
