"""The options of proxies, checked where they are given."""

from __future__ import annotations

from typing import Any

import pytest

from vivace.server import Config
from vivace.server.errors import ConfigError
from vivace.server.options.proxies import Proxies


def test_by_default_only_this_machine_is_believed() -> None:
    proxies = Proxies()
    assert proxies.proxy_headers == "x-forwarded"
    assert proxies.x_forwarded_fields == ("for", "proto")
    assert proxies.forwarded_allow_ips == "127.0.0.1,::1,unix"
    assert proxies.proxy_protocol == "off"


@pytest.mark.parametrize(("given", "meant"), [(True, "x-forwarded"), (False, "off"), ("forwarded", "forwarded")])
def test_proxy_headers_may_be_a_switch(given: Any, meant: str) -> None:
    assert Proxies(proxy_headers=given).proxy_headers == meant


def test_a_list_may_be_a_sequence() -> None:
    assert Proxies(forwarded_allow_ips=["10.0.0.0/8", "unix"]).forwarded_allow_ips == "10.0.0.0/8,unix"  # type: ignore[arg-type]
    assert Proxies(x_forwarded="For, HOST,").x_forwarded_fields == ("for", "host")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proxy_headers": "x-real-ip"}, "proxy_headers must be one of x-forwarded, forwarded, off, got 'x-real-ip'"),
        ({"proxy_protocol": "v2"}, "proxy_protocol must be one of off, optional, required, got 'v2'"),
        ({"x_forwarded": "for,by"}, "x_forwarded must be one of for, proto, host, port, prefix, got 'by'"),
        ({"forwarded_allow_ips": "nginx"}, 'forwarded_allow_ips: "nginx" is neither an address'),
        ({"proxy_allow_ips": "10.0.0.1/8"}, 'proxy_allow_ips: "10.0.0.1/8" is an address within a network'),
        ({"proxy_allow_ips": 5}, "proxy_allow_ips must be a text, with commas between its entries, got 5"),
        ({"forwarded_allow_ips": [5]}, "forwarded_allow_ips must be a text"),
        ({"proxy_strips_root_path": "no"}, "proxy_strips_root_path must be True or False, got 'no'"),
    ],
)
def test_a_wrong_option_is_explained(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_options(options)
    assert str(caught.value).startswith(message)
