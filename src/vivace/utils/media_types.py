"""Which media type a file has, by its name."""

from __future__ import annotations

import mimetypes
import os.path

# What the web is made of, the same on every machine: Python's own table lacks some of it, and takes the rest from files
# of the system that may say anything. https://www.iana.org/assignments/media-types
WEB_TYPES = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".br": "application/octet-stream",
    ".css": "text/css",
    ".csv": "text/csv",
    ".gif": "image/gif",
    ".gz": "application/gzip",
    ".htm": "text/html",
    ".html": "text/html",
    ".ico": "image/vnd.microsoft.icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",  # RFC 9239
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "text/xml",
    ".zip": "application/zip",
    ".zst": "application/zstd",
}
UNKNOWN = "application/octet-stream"
# Compressing them once more gains nothing.
COMPRESSED_TYPES = (
    "application/gzip",
    "application/x-gzip",
    "application/zip",
    "audio/*",
    "font/woff",
    "font/woff2",
    "image/avif",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "video/*",
)


def media_type_of(name: str) -> str:
    """The media type of a file with this name, without parameters; `application/octet-stream` for an unknown one."""
    extension = os.path.splitext(name)[1].lower()
    known = WEB_TYPES.get(extension)
    if known is not None:
        return known
    # Only the extension: a name such as "data:text/html,x" would be taken for a URL.
    guessed, coding = mimetypes.guess_type(f"file{extension}")
    # A .tgz is no tar to whoever downloads it.
    return UNKNOWN if guessed is None or coding is not None else guessed


def is_compressed(media_type: str) -> bool:
    """Whether content of this type is compressed in itself, as pictures and films are."""
    return media_type in COMPRESSED_TYPES or f"{media_type.partition('/')[0]}/*" in COMPRESSED_TYPES
