# cython: annotation_typing=False
"""The headers that a response begins with: those given, and what its body and media type say."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from vivace.web.datastructures._headers import encode_name, encode_value

# What is the same for very many responses is made once. Lengths up to this are kept: 0.1 us for each response.
KNOWN_LENGTHS = 4096

_lengths: dict[int, tuple[bytes, bytes]] = {}


@lru_cache(maxsize=256)
def content_type(media_type: str, charset: str) -> tuple[bytes, bytes]:
    """The field for a media type, with the charset where it is text."""
    if media_type.startswith("text/") and "charset=" not in media_type.lower():
        media_type += "; charset=" + charset
    return b"content-type", encode_value(media_type)


def content_length(size: int) -> tuple[bytes, bytes]:
    """The field for a body of so many bytes."""
    field = _lengths.get(size)
    if field is None:
        field = b"content-length", b"%d" % size
        if size < KNOWN_LENGTHS:
            _lengths[size] = field
    return field


def first_headers(
    headers: Mapping[str, str] | None,
    body: bytes | memoryview | None,
    status_code: int,
    media_type: str | None,
    charset: str,
) -> list[tuple[bytes, bytes]]:
    """The fields given, then Content-Length and Content-Type unless they are among them.

    ValueError for a name or value that cannot be sent. A body of None is one whose length is not known.
    """
    raw: list[tuple[bytes, bytes]] = []
    has_length = has_type = False
    if headers:
        for name, value in headers.items():
            field = encode_name(name), encode_value(value)
            raw.append(field)
            if field[0] == b"content-length":
                has_length = True
            elif field[0] == b"content-type":
                has_type = True
    # RFC 9110 8.6: no length with 1xx and 204; with 304 it would have to be the length of the other response.
    if body is not None and not has_length and status_code >= 200 and status_code != 204 and status_code != 304:
        raw.append(content_length(len(body)))
    if media_type is not None and not has_type:
        raw.append(content_type(media_type, charset))
    return raw
