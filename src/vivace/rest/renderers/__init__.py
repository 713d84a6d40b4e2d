"""Writing a response's data in a media type; `rest_framework.renderers`.

`base` says what a renderer is; `data` writes for programs, `table` for spreadsheets, `html` for browsers.
"""

from vivace.rest.renderers.base import BaseRenderer
from vivace.rest.renderers.data import JSONLinesRenderer, JSONRenderer, MessagePackRenderer
from vivace.rest.renderers.html import HTMLRenderer, StaticHTMLRenderer, TemplateHTMLRenderer
from vivace.rest.renderers.table import CSVRenderer

__all__ = [
    "BaseRenderer",
    "CSVRenderer",
    "HTMLRenderer",
    "JSONLinesRenderer",
    "JSONRenderer",
    "MessagePackRenderer",
    "StaticHTMLRenderer",
    "TemplateHTMLRenderer",
]
