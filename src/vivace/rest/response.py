"""The response of a REST view: data, rendered when the view knows in which media type."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any

from vivace.rest.renderers import BaseRenderer, JSONRenderer
from vivace.web.background import BackgroundTask
from vivace.web.datastructures._headers import encode_name, encode_value
from vivace.web.responses import Response as WebResponse
from vivace.web.responses import StreamingResponse
from vivace.web.types import Receive, Scope, Send

_DEFAULT_RENDERER = JSONRenderer()
_BODILESS = (204, 304)


class Response(WebResponse):
    """`data` with a status; JSON unless a view's negotiation chose another renderer. `headers` may be changed.

    `template_name` is for TemplateHTMLRenderer; `exception` is true for what answers an error.
    """

    renderer: BaseRenderer | None = None
    exception = False
    _stream: AsyncIterator[bytes] | None = None

    def __init__(
        self,
        data: Any = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        content_type: str | None = None,
        background: BackgroundTask | None = None,
        *,
        template_name: str | None = None,
    ) -> None:
        self.template_name = template_name
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
        if isinstance(self.data, AsyncIterable):
            self._stream_with(renderer, context)
            return
        media_type = (context or {}).get("media_type") or renderer.media_type
        self.body = b"" if self.data is None else renderer.render(self.data, media_type, context)
        content_type = self._content_type(renderer)
        names = {name for name, _ in self.raw_headers}
        if b"content-length" not in names and self.status_code not in _BODILESS:
            self.raw_headers.append((b"content-length", b"%d" % len(self.body)))
        if self.body and b"content-type" not in names:
            self.raw_headers.append((b"content-type", encode_value(content_type)))

    def _stream_with(self, renderer: BaseRenderer, context: Mapping[str, Any] | None) -> None:
        if not renderer.streams:
            raise TypeError(
                f"{type(renderer).__name__} writes whole data; an async iterable is for renderers that stream, "
                "such as JSONLinesRenderer"
            )
        self._stream = renderer.stream(self.data, context)
        self.raw_headers.append((b"content-type", encode_value(self._content_type(renderer))))

    def _content_type(self, renderer: BaseRenderer) -> str:
        if self.content_type is not None:
            return self.content_type
        return renderer.media_type if renderer.charset is None else f"{renderer.media_type}; charset={renderer.charset}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.renderer is None:
            self.render_with(_DEFAULT_RENDERER)
        if self._stream is not None:
            streamed = StreamingResponse(self._stream, self.status_code, background=self.background)
            streamed.raw_headers = self.raw_headers
            await streamed(scope, receive, send)
            return
        await super().__call__(scope, receive, send)
