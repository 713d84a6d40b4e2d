"""Options of the process that cannot be are refused before anything is opened."""

from __future__ import annotations

from typing import Any

import pytest

from vivace.server import Config, ConfigError
from vivace.server.options.process import Process


@pytest.mark.parametrize(
    ("text", "number"), [("022", 0o022), ("27", 0o027), ("0", 0), ("0o077", 0o077), ("777", 0o777)]
)
def test_a_umask_is_octal(text: str, number: int) -> None:
    assert Process(umask=text).umask_number == number


def test_without_a_umask_it_stays() -> None:
    assert Process().umask_number is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"umask": "8"}, "umask must be octal digits from 0 to 777, such as \"027\", got '8'"),
        ({"umask": "1000"}, "umask must be octal digits"),
        ({"umask": "-1"}, "umask must be octal digits"),
        ({"umask": "u=rwx"}, "umask must be octal digits"),
        ({"user": ""}, "user must be text that can be printed, got ''"),
        ({"process_title": "a\nb"}, "process_title must be text that can be printed"),
        ({"pid_file": " "}, "pid_file must be text"),
        ({"upgrade_timeout": 0}, "upgrade_timeout must be a number of seconds above zero, got 0"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_options(options)
    assert message in str(caught.value)
