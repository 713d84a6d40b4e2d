"""What responses made of files have in common: their validators, and bodies of several parts (RFC 9110 8.8, 14.6)."""

from __future__ import annotations

import os
from collections.abc import Sequence

# RFC 9110 15.4.5: what a 304 repeats of the response that it stands for.
NOT_MODIFIED_HEADERS = frozenset({"cache-control", "content-location", "date", "etag", "expires", "set-cookie", "vary"})


def file_identity(status: os.stat_result) -> tuple[int, int, int, int, int]:
    """What tells a file, as it is, from any other and from itself before."""
    # With the time of the last change of anything, which a permission or another file of that number changes, too.
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def file_etag(status: os.stat_result, suffix: str = "") -> str:
    """The entity tag of a file as it is now, quoted and strong. The suffix tells apart what is made of it."""
    return f'"{status.st_mtime_ns:x}-{status.st_size:x}{suffix}"'


def part_head(boundary: str, content_type: str, start: int, end: int, size: int) -> bytes:
    """What stands before a part of a multipart/byteranges body, the bytes from `start` up to `end` of `size`."""
    head = f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: bytes {start}-{end - 1}/{size}\r\n\r\n"
    return head.encode("latin-1")


def multipart_length(boundary: str, content_type: str, ranges: Sequence[tuple[int, int]], size: int) -> int:
    """The length of a multipart/byteranges body."""
    # Each part is its head, its bytes and a line break; the end is the boundary between two double hyphens.
    parts = (len(part_head(boundary, content_type, start, end, size)) + end - start + 2 for start, end in ranges)
    return sum(parts) + len(boundary) + 4
