"""Every size that a client can choose, and how far we follow."""

from __future__ import annotations

from dataclasses import dataclass, fields

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The sizes an HTTP/1 client may send. Counts are bytes unless the name says otherwise; each must be positive.

    A request past one of them is answered with the status named beside it, and the connection is closed.
    """

    max_request_line: int = 8 * KIB  # 414: method, target and version, without the line's end
    max_header_count: int = 100  # 431
    max_header_bytes: int = 64 * KIB  # 431: all header lines of one request together
    max_body_size: int = 100 * MIB  # 413: after decoding; it streams, so memory is bounded by `body_buffer`
    max_chunk_extension_bytes: int = (
        16 * KIB
    )  # 413: in one body together, so that 1-byte chunks cannot smuggle gigabytes
    max_trailer_count: int = 32  # 431
    max_trailer_bytes: int = 8 * KIB  # 431: all trailer lines of one request together
    body_buffer: int = 64 * KIB  # body bytes held for an application that does not read; then the socket is not read
    write_buffer: int = 64 * KIB  # unsent response bytes held for a slow client; then `await send()` waits

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{field.name} must be a whole number above zero, got {value!r}")
