"""Which renderer answers: by the Accept header (RFC 9110 12.5.1) or `?format=`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vivace.rest.exceptions import NotAcceptable, NotFound

if TYPE_CHECKING:
    from vivace.rest.renderers import BaseRenderer

FORMAT_PARAMETER = "format"
# More alternatives than anybody means.
MAX_ALTERNATIVES = 32


def matches(pattern: str, media_type: str) -> bool:
    """Whether `media_type` is one that `pattern` ("*/*", "text/*", "text/html") stands for."""
    if pattern in ("*/*", media_type):
        return True
    main, _, sub = pattern.partition("/")
    return sub == "*" and media_type.partition("/")[0] == main


def accepted(header: str) -> list[str]:
    """The media types of an Accept header without parameters, the most wanted first; those with q=0 left out."""
    ranked = sorted(_alternatives(header), key=lambda found: (-found[0], found[1]))
    return [media_type for _, _, media_type in ranked]


def _alternatives(header: str) -> Iterator[tuple[float, int, str]]:
    for part in header.split(",")[:MAX_ALTERNATIVES]:
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        if media_type and quality > 0:
            yield min(quality, 1.0), media_type.count("*"), media_type.lower()


class DefaultContentNegotiation:
    """Takes the client's most wanted type that the view can render; the first renderer when it does not care."""

    def select_renderer(self, request: Any, renderers: Sequence[BaseRenderer]) -> tuple[BaseRenderer, str]:
        """The renderer and the media type it answers with. Raises NotAcceptable, or NotFound for an unknown format."""
        if request.scope["query_string"] and (wanted := request.query_params.get(FORMAT_PARAMETER)):
            renderers = [renderer for renderer in renderers if renderer.format == wanted]
            if not renderers:
                raise NotFound
        header = request.headers.get("accept", "*/*")
        if header == "*/*":
            return renderers[0], renderers[0].media_type
        for media_type in accepted(header):
            for renderer in renderers:
                if matches(media_type, renderer.media_type):
                    return renderer, renderer.media_type
        raise NotAcceptable
