"""The response of a REST view: data, rendered when the view knows in which media type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivace.rest.renderers import BaseRenderer, JSONRenderer
from vivace.web.background import BackgroundTask
from vivace.web.datastructures._headers import encode_name, encode_value
from vivace.web.responses import Response as WebResponse
from vivace.web.types import Receive, Scope, Send

_DEFAULT_RENDERER = JSONRenderer()
_BODILESS = (204, 304)


class Response(WebResponse):
    """`data` with a status; JSON unless a view's negotiation chose another renderer. `headers` may be changed."""

    renderer: BaseRenderer | None = None

    def __init__(
        self,
        data: Any = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        content_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        self.data = data
        self.status_code = status
        self.content_type = content_type
        self.background = background
        self.body = b""
        self.raw_headers = [(encode_name(name), encode_value(value)) for name, value in (headers or {}).items()]

    def render_with(self, renderer: BaseRenderer, context: Mapping[str, Any] | None = None) -> None:
        """Makes the body; called by the view, once."""
        self.renderer = renderer
        if self.data is None and self.status_code in _BODILESS:
            return
        self.body = b"" if self.data is None else renderer.render(self.data, renderer.media_type, context)
        content_type = self.content_type or renderer.media_type
        if renderer.charset is not None and self.content_type is None:
            content_type += f"; charset={renderer.charset}"
        names = {name for name, _ in self.raw_headers}
        if b"content-length" not in names and self.status_code not in _BODILESS:
            self.raw_headers.append((b"content-length", b"%d" % len(self.body)))
        if self.body and b"content-type" not in names:
            self.raw_headers.append((b"content-type", encode_value(content_type)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.renderer is None:
            self.render_with(_DEFAULT_RENDERER)
        await super().__call__(scope, receive, send)
