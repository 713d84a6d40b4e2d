"""What `ps` shows, with the package setproctitle and without."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = "import sys; sys.modules['setproctitle'] = None; "
SHOW = """
import threading
from vivace.server.title import set_title
threading.Thread(target=set_title, args=({title!r}, {part!r})).run()
print(open('/proc/self/comm').read(), open('/proc/self/cmdline').read().rstrip(chr(0)), sep='')
"""


def shown(title: str, part: str = "", first: str = "") -> list[str]:
    """The process's name, and its command line."""
    code = first + SHOW.format(title=title, part=part)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return result.stdout.split("\n", 1)


def test_with_setproctitle_it_is_the_whole_command_line() -> None:
    assert shown("mysite.asgi:app")[1].strip("\0\n ") == "mysite.asgi:app"
    assert shown("mysite.asgi:app", "worker 12")[1].strip("\0\n ") == "mysite.asgi:app (worker 12)"


@pytest.mark.parametrize(
    ("title", "part", "name"),
    [
        ("shop", "", "shop"),
        ("shop", "supervisor", "shop s"),
        ("shop", "worker 2", "shop w2"),
        ("mysite.asgi:application", "", "mysite.asgi:app"),
        ("mysite.asgi:application", "worker 12", "mysite.asgi w12"),
    ],
)
def test_without_it_it_is_the_short_name(title: str, part: str, name: str) -> None:
    process_name, command_line = shown(title, part, WITHOUT)
    assert process_name == name
    assert "set_title" in command_line
