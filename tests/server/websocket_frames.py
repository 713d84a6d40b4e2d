"""WebSocket frames as a client writes and reads them (RFC 6455 5.2)."""

from __future__ import annotations

from struct import pack, unpack

from websockets.utils import apply_mask

MASK = b"\x11\xa2\x00\xff"


def frame(opcode: int, payload: bytes = b"", fin: bool = True, rsv1: bool = False) -> bytes:
    """A client's frame."""
    size = len(payload)
    length = bytes([size]) if size < 126 else pack("!BH", 126, size) if size < 65536 else pack("!BQ", 127, size)
    first = 0x80 * fin | 0x40 * rsv1 | opcode
    return bytes([first, 0x80 | length[0]]) + length[1:] + MASK + apply_mask(payload, MASK)


def text(payload: str) -> bytes:
    return frame(1, payload.encode())


def close(code: int, reason: str = "") -> bytes:
    return frame(8, code.to_bytes(2, "big") + reason.encode())


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """A server's frames, each with its opcode and payload. AssertionError when the last one is not complete."""
    found = []
    while data:
        size, start = data[1], 2
        if size == 126:
            (size,), start = unpack("!H", data[2:4]), 4
        elif size == 127:
            (size,), start = unpack("!Q", data[2:10]), 10
        assert len(data) >= start + size
        found.append((data[0] & 15, data[start : start + size]))
        data = data[start + size :]
    return found


def closing(code: int, reason: str = "") -> tuple[int, bytes]:
    """A close frame, as `frames` has it."""
    return (8, code.to_bytes(2, "big") + reason.encode())
