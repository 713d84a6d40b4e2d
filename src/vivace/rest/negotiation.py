"""Which renderer answers: by the Accept header (RFC 9110 12.5.1) or `?format=`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vivace.rest.exceptions import NotAcceptable, NotFound
from vivace.rest.settings import current
from vivace.web.formparsers import parse_media_type

if TYPE_CHECKING:
    from vivace.rest.parsers import BaseParser
    from vivace.rest.renderers import BaseRenderer

# More alternatives than anybody means.
MAX_ALTERNATIVES = 32


def matches(pattern: str, media_type: str) -> bool:
    """Whether `media_type` is one that `pattern` ("*/*", "text/*", "text/html") stands for."""
    if pattern in ("*/*", media_type):
        return True
    main, _, sub = pattern.partition("/")
    return sub == "*" and media_type.partition("/")[0] == main


def accepted(header: str) -> list[tuple[str, str]]:
    """The media types of an Accept header, the most wanted first, each also with its parameters; without q=0."""
    ranked = sorted(_alternatives(header), key=lambda found: (-found[0], found[1]))
    return [(media_type, whole) for _, _, media_type, whole in ranked]


def _alternatives(header: str) -> Iterator[tuple[float, tuple[int, int], str, str]]:
    for part in header.split(",")[:MAX_ALTERNATIVES]:
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        quality, kept = 1.0, [media_type.lower()]
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
            elif parameter:
                kept.append(parameter)
        if media_type and quality > 0:
            # RFC 9110 12.5.1: the more specific range is the one that is meant.
            yield min(quality, 1.0), (media_type.count("*"), -len(kept)), kept[0], "; ".join(kept)


class DefaultContentNegotiation:
    """Takes the client's most wanted type that the view can render; the first renderer when it does not care."""

    def select_parser(self, request: Any, parsers: Sequence[BaseParser]) -> BaseParser | None:
        """The parser that reads the request's content type."""
        media_type, _ = parse_media_type(request.content_type)
        return next((parser for parser in parsers if matches(parser.media_type, media_type)), None)

    def select_renderer(
        self, request: Any, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The renderer, and the media type asked for. Raises NotAcceptable, or NotFound for an unknown format."""
        wanted = format_suffix
        if request.scope["query_string"] and (override := current().URL_FORMAT_OVERRIDE):
            wanted = request.query_params.get(override) or wanted
        if wanted:
            renderers = self.filter_renderers(renderers, wanted)
        header = request.headers.get("accept", "*/*")
        if header == "*/*":
            return renderers[0], renderers[0].media_type
        for media_type, whole in accepted(header):
            for renderer in renderers:
                if matches(media_type, renderer.media_type.partition(";")[0]):
                    return renderer, renderer.media_type if "*" in media_type else whole
        raise NotAcceptable

    def filter_renderers(self, renderers: Sequence[BaseRenderer], format: str) -> list[BaseRenderer]:
        """The renderers of this format. Raises NotFound when there is none."""
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            raise NotFound
        return found
