"""Binds that cannot be served together are refused before anything is opened."""

from __future__ import annotations

from typing import Any

import pytest

from vivace.server import Config, ConfigError

CERTIFICATE = {"ssl_certfile": "a.pem"}


def test_one_bind_may_be_text_and_several_a_list() -> None:
    assert Config.from_options({"bind": ":8000"}).binds.bind == (":8000",)
    assert Config.from_options({"bind": [":8000", "unix:x"]}).binds.bind == (":8000", "unix:x")
    assert Config.from_options({"bind": ["127.0.0.1:0", "127.0.0.1:0"]}).binds.bind == ("127.0.0.1:0", "127.0.0.1:0")
    assert Config.from_options({"uds_mode": "0660"}).binds.mode == 0o660


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bind": "8000"}, 'bind: "8000" has no host'),
        ({"bind": [8000]}, "8000 is not the text of an address"),
        ({"redirect_bind": "80"} | CERTIFICATE, 'redirect_bind: "80" has no host'),
        ({"bind": ":80", "port": 9000}, "port and bind both say where to listen"),
        ({"bind": ":80", "host": "::", "uds": "x"}, "host and uds and bind both say where"),
        ({"bind": ":80", "fd": 3}, "fd and bind both say where"),
        ({"bind": [":80", ":80"]}, 'bind: ":80" is given twice, first by bind'),
        ({"bind": ":80", "redirect_bind": ":80"} | CERTIFICATE, 'redirect_bind: ":80" is given twice, first by bind'),
        ({"insecure_bind": ":80"}, "no certificate is given: write bind, or give ssl_certfile"),
        ({"redirect_bind": ":80"}, "no certificate is given: give ssl_certfile, or redirect_port"),
        ({"redirect_port": 443}, "give redirect_bind as well"),
        ({"redirect_bind": ":80", "redirect_port": 0}, "redirect_port must be a whole number from 1 to 65535, got 0"),
        ({"uds_mode": "rw"}, "uds_mode must be the text of an octal mode such as \"660\", got 'rw'"),
        ({"uds_mode": 660}, "got 660"),
        ({"uds_mode": "689"}, "got '689'"),
        ({"uds_mode": "4755"}, "got '4755'"),
        ({"uds_mode": ""}, "got ''"),
        ({"uds_owner": ""}, 'uds_owner must be "user", "user:group" or ":group", got \'\''),
        ({"uds_owner": "a:b:c"}, "got 'a:b:c'"),
        ({"bind": "unix:@x", "uds_mode": "600"}, "every user of the machine may connect. Use the path of a file"),
        ({"bind": "unix:@x", "uds_owner": "root"}, "neither mode nor owner"),
    ],
)
def test_what_does_not_fit_together_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_options(options)
    assert message in str(caught.value)


def test_another_program_may_serve_https() -> None:
    assert Config.from_options({"redirect_bind": ":80", "redirect_port": 443}).binds.redirect_port == 443
