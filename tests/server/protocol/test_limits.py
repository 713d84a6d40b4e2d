"""What limits and compression accept."""

from __future__ import annotations

import pytest

from vivace.server.protocol.limits import Limits
from vivace.server.protocol.websocket_deflate import PerMessageDeflate


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "1"])
def test_a_limit_is_a_whole_number_above_zero(value: object) -> None:
    with pytest.raises(ValueError, match="max_websocket_frame_size must be a whole number above zero"):
        Limits(max_websocket_frame_size=value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("server_max_window_bits", 8, "from 9 to 15, got 8"),
        ("server_max_window_bits", 16, "from 9 to 15, got 16"),
        ("client_max_window_bits", 8, "from 9 to 15, got 8"),
        ("level", 0, "from 1 to 9, got 0"),
        ("mem_level", 10, "from 1 to 9, got 10"),
        ("minimum_size", 0, "above zero, got 0"),
    ],
)
def test_compression_says_what_it_can_do(name: str, value: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a whole number {message}"):
        PerMessageDeflate(**{name: value})  # type: ignore[arg-type]
