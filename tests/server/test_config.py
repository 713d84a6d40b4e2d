"""Options are checked where they are given."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from vivace.server import Compression, Config, ConfigError, Limits, Timeouts
from vivace.server.protocol.websocket_deflate import PerMessageDeflate


def test_flat_options_reach_limits_and_timeouts() -> None:
    config = Config.from_options({"port": 9000, "max_body_size": 5, "header_timeout": 1.5})
    assert (config.port, config.limits.max_body_size, config.timeouts.header_timeout) == (9000, 5, 1.5)
    assert config.limits.max_header_count == Limits().max_header_count
    assert Config.from_options({"limits": Limits(max_body_size=6)}).limits.max_body_size == 6
    assert Config.from_options({"timeouts": Timeouts(body_timeout=6)}).timeouts.body_timeout == 6


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no option 'max_boddy_size'\. Did you mean \"max_body_size\""):
        Config.from_options({"max_boddy_size": 1})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 70000}, "port must be a whole number from 0 to 65535, got 70000"),
        ({"port": "80"}, "port must be a whole number"),
        ({"port": True}, "port must be a whole number"),
        ({"backlog": 0}, "backlog must be a whole number above zero"),
        ({"loop": "uvlop"}, "loop='uvlop' is not known. Did you mean \"uvloop\"?"),
        ({"lifespan": "yes"}, "lifespan='yes' is not known"),
        ({"log_level": "inof"}, 'Did you mean "info"?'),
        ({"uds": "a.sock", "fd": 3}, "uds and fd both say where to listen"),
        ({"fd": -1}, "fd must be the number of an inherited socket, got -1"),
        ({"root_path": "site"}, 'root_path starts with "/"'),
        ({"root_path": "/site/"}, "does not end with it"),
        ({"server_header": "a\r\nb"}, "server_header must be printable"),
        ({"max_body_size": 0}, "max_body_size must be a whole number above zero, got 0"),
        ({"header_timeout": 0}, "header_timeout must be a number of seconds above zero, got 0"),
        ({"header_timeout": -1}, "header_timeout must be a number of seconds above zero"),
        ({"graceful_timeout": -1}, "graceful_timeout must be a number of seconds, zero or more"),
        ({"body_timeout": "1"}, "body_timeout must be a number of seconds"),
        ({"body_timeout": float("nan")}, "body_timeout must be a number of seconds"),
        ({"request_timeout": 0}, "request_timeout must be a number of seconds above zero, got 0"),
        ({"min_body_rate": -1}, "min_body_rate must be a whole number of 0 or more, got -1"),
        ({"stream_window": 1000}, "stream_window must be a whole number from 65535 to 2147483647, got 1000"),
        ({"wsgi_threads": 0}, "wsgi_threads must be a whole number above zero, got 0"),
        ({"interface": "rsgi"}, "interface='rsgi' is not known"),
        ({"toolkit": "quart"}, "toolkit='quart' is not known"),
        ({"websocket_compression_level": 10}, "websocket_compression_level must be a whole number from 1 to 9, got 10"),
        ({"websocket_compression_window_bits": 8}, "must be a whole number from 9 to 15, got 8"),
        ({"websocket_compression_memory_level": 0}, "must be a whole number from 1 to 9, got 0"),
        ({"websocket_compression_min_size": -1}, "must be a whole number above zero, got -1"),
        ({"compression": Compression(), "websocket_compression": False}, "websocket_compression= say the same"),
        ({"limits": Limits(), "max_body_size": 1}, "limits= and max_body_size= say the same"),
    ],
)
def test_a_wrong_value_says_what_is_right(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_options(options)
    assert message in str(caught.value)


def test_compression_is_what_the_protocol_agrees_to() -> None:
    config = Config.from_options(
        {
            "websocket_compression_level": 1,
            "websocket_compression_window_bits": 9,
            "websocket_compression_memory_level": 2,
            "websocket_compression_min_size": 100,
            "websocket_compression_no_context_takeover": True,
        }
    )
    assert config.compression.offered() == PerMessageDeflate(
        server_max_window_bits=9,
        client_max_window_bits=9,
        server_no_context_takeover=True,
        client_no_context_takeover=True,
        level=1,
        mem_level=2,
        minimum_size=100,
    )
    assert Config.from_options({"websocket_compression": False}).compression.offered() is None


def test_the_defaults_of_compression_are_those_of_the_protocol() -> None:
    assert Config().compression.offered() == PerMessageDeflate()


def test_a_minimum_rate_may_be_none_at_all() -> None:
    assert Config.from_options({"min_body_rate": 0, "min_write_rate": 0}).limits.min_write_rate == 0


def test_the_log_level_counts_as_logging_does() -> None:
    assert Config(log_level="warning").log_level_number == logging.WARNING


def test_a_server_that_reloads_stays_in_sight() -> None:
    with pytest.raises(ConfigError, match="reload is for development, and daemon takes it out of sight"):
        Config.from_options({"reload": True, "daemon": True})
