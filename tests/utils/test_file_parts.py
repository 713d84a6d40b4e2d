from __future__ import annotations

import os
from pathlib import Path

from vivace.utils.conditional import quote_etag
from vivace.utils.file_parts import file_etag, multipart_length, part_head


def test_a_tag_changes_with_time_size_and_suffix(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    os.utime(path, ns=(255, 255))
    status = path.stat()
    assert file_etag(status) == quote_etag("ff-1")
    assert file_etag(status, "-br") == quote_etag("ff-1-br")
    path.write_text("xy")
    os.utime(path, ns=(255, 255))
    assert file_etag(path.stat()) == '"ff-2"'


def test_the_length_of_several_parts_is_that_of_their_bytes() -> None:
    content, ranges = bytes(range(100)), [(0, 10), (50, 100)]
    body = b"".join(
        part_head("limit", "text/plain", start, end, 100) + content[start:end] + b"\r\n" for start, end in ranges
    )
    body += b"--limit--"
    assert multipart_length("limit", "text/plain", ranges, 100) == len(body)
    assert body.startswith(b"--limit\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-9/100\r\n\r\n\x00")
