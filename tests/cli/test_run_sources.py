"""Options from the command line, the environment, `.env` and pyproject.toml."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import pytest
from tests.cli.conftest import Run

from vivace.cli.run_sources import NAMES, OPTIONS, SWITCH_WORDS, Given, collect, explain, misspelt
from vivace.conf import ConfigurationError, Settings
from vivace.server.config import Config

APP = """
async def app(scope, receive, send):
    raise RuntimeError
"""


def values(folder: Path, command_line: dict[str, Any] | None = None, **environ: str) -> dict[str, Any]:
    return {name: given.value for name, given in collect(command_line or {}, folder, environ).items()}


def write(folder: Path, toml: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.vivace]\n{toml}\n")


def test_each_source_comes_before_the_next(tmp_path: Path) -> None:
    write(tmp_path, "port = 1\nbacklog = 1\nworkers = 1\nmax_streams = 1")
    (tmp_path / ".env").write_text("VIVACE_PORT=2\nVIVACE_BACKLOG=2\nVIVACE_WORKERS=2\nSECRET=x\n")
    given = collect({"port": 4}, tmp_path, {"VIVACE_PORT": "3", "VIVACE_BACKLOG": "3"})
    assert {name: (item.value, item.origin) for name, item in given.items()} == {
        "port": (4, "command line"),
        "backlog": (3, "environment variable VIVACE_BACKLOG"),
        "workers": (2, ".env line 3"),
        "max_streams": (1, "pyproject.toml"),
    }


def test_variables_are_read_as_the_command_line_is(tmp_path: Path) -> None:
    assert values(
        tmp_path,
        VIVACE_MAX_BODY_SIZE="10M",
        VIVACE_WRITE_TIMEOUT="none",
        VIVACE_HTTP2="off",
        VIVACE_PRELOAD="1",
        VIVACE_LOG_LEVEL="DEBUG",
        VIVACE_BIND="127.0.0.1:1, unix:/a",
        VIVACE_HEADERS='["A: b, c", "D: e"]',
        VIVACE_SERVER_HEADER="",
        VIVACE_STATIC="/static=./static, /=public",
        VIVACE_SECRET_KEY="the site's",
    ) == {
        "max_body_size": 10 * 1024 * 1024,
        "write_timeout": float("inf"),
        "http2": False,
        "preload": True,
        "log_level": "debug",
        "bind": ("127.0.0.1:1", "unix:/a"),
        "headers": ("A: b, c", "D: e"),
        "server_header": None,
        "static": ("/static=./static", "/=public"),
    }


def test_toml_has_numbers_switches_and_lists(tmp_path: Path) -> None:
    write(
        tmp_path,
        'app = "a:b"\nport = 9000\nmax-body-size = "1K"\nkeep_alive_timeout = 2.5\nuds_mode = 660\n'
        'bind = "a:1"\nheaders = ["A: b"]\nwebsocket = false\nserver_header = false\nwrite_timeout = inf',
    )
    assert values(tmp_path) == {
        "port": 9000,
        "max_body_size": 1024,
        "keep_alive_timeout": 2.5,
        "uds_mode": "660",
        "bind": ("a:1",),
        "headers": ("A: b",),
        "websocket": False,
        "server_header": None,
        "write_timeout": float("inf"),
    }


def test_paths_in_pyproject_start_at_its_folder(tmp_path: Path) -> None:
    write(
        tmp_path,
        'pid_file = "run/pid"\nreload_dirs = ["src", "/abs"]\ncontrol_socket = "none"\n'
        'static = ["/static=./static", "/=/abs", "wrong"]',
    )
    below = tmp_path / "src" / "site"
    below.mkdir(parents=True)
    assert values(below) == {
        "pid_file": str(tmp_path / "run/pid"),
        "reload_dirs": (str(tmp_path / "src"), "/abs"),
        "control_socket": "none",
        "static": (f"/static={tmp_path / 'static'}", "/=/abs", "wrong"),
    }


def test_variables_of_hosts_are_understood_after_ours(tmp_path: Path) -> None:
    assert values(tmp_path, WEB_CONCURRENCY="3", FORWARDED_ALLOW_IPS="*") == {
        "workers": 3,
        "forwarded_allow_ips": "*",
    }
    assert values(tmp_path, VIVACE_WORKERS="2", WEB_CONCURRENCY="3") == {"workers": 2}


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("prot = 1", "has no option 'prot'. Did you mean \"port\"?"),
        ('port = "x"', "port = 'x': 'x' is not a valid integer"),
        ("port = [1]", "expected text or a number"),
        ("http2 = 1", "http2 = 1: expected true or false"),
        ("server_header = 1", "expected text, or false"),
        ('max_body_size = "10X"', "64K, 10M, 1G"),
    ],
)
def test_a_wrong_key_says_where_it_is_and_what_is_right(tmp_path: Path, toml: str, said: str) -> None:
    write(tmp_path, toml)
    with pytest.raises(ConfigurationError) as caught:
        values(tmp_path)
    assert said in str(caught.value)
    assert "pyproject.toml: [tool.vivace]" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [("PORT", "x", "valid integer"), ("HTTP2", "maybe", "neither on nor off"), ("BIND", "[1", "no list in JSON")],
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"environment variable VIVACE_{name}=.*{said}"):
        collect({}, tmp_path, {f"VIVACE_{name}": text})


def test_a_misspelt_variable_is_told_and_a_setting_is_not() -> None:
    environ = {"VIVACE_WORKRES": "2", "VIVACE_WORKERS": "2", "VIVACE_DATABASE": "x", "VIVACE_HOSTS": "mine"}
    assert list(misspelt(environ, ["VIVACE_HOSTS"])) == [
        "VIVACE_WORKRES is not an option of the server. Did you mean VIVACE_WORKERS?"
    ]


def test_no_option_passes_for_a_misspelt_setting() -> None:
    settings = Settings.names()
    for name in NAMES:
        close = get_close_matches(name.upper(), settings, n=1, cutoff=0.8)
        assert close in ([], [name.upper()])


def test_the_servers_error_names_who_gave_the_option(tmp_path: Path) -> None:
    given = collect({}, tmp_path, {"VIVACE_BACKLOG": "0"})
    message = explain(ValueError("backlog must be above zero."), given)
    assert message == "backlog must be above zero. Given: backlog by environment variable VIVACE_BACKLOG."
    assert explain(ValueError("port is wrong."), given) == "port is wrong."


def test_every_option_can_be_a_variable() -> None:
    for name in NAMES:
        option = OPTIONS.get(name)
        assert option is None or option.is_flag or not isinstance(option.type, click.types.BoolParamType)
    assert {*SWITCH_WORDS.values()} == {True, False}


def test_what_is_printed_can_be_read_again(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    printed = vivace("run", "--print-config", "--max-streams", "5", "--write-timeout", "none", VIVACE_WORKERS="2")
    assert printed.returncode == 0, printed.stderr
    assert [line.split("  # ")[1] for line in printed.stdout.splitlines() if line.startswith(("workers", "max_s"))] == [
        "environment variable VIVACE_WORKERS",
        "command line",
    ]
    section = tomllib.loads(printed.stdout)["tool"]["vivace"]
    assert section["app"] == "app.py"
    (tmp_path / "pyproject.toml").write_text(printed.stdout)
    again = values(tmp_path)
    config = Config.from_options(again)
    assert (config.limits.max_streams, config.timeouts.write_timeout) == (5, float("inf"))
    assert config.supervision.workers == 2
    other = {name: value for name, value in again.items() if name not in ("app_dir", "max_streams", "workers")}
    plain = Config.from_options(other | {"write_timeout": 60.0})
    assert plain == Config()


def test_secrets_are_not_printed(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    given = ("--ssl-certfile", "a.pem", "--ssl-keyfile-password", "hidden")
    printed = vivace("run", "--print-config", *given)
    assert "hidden" not in printed.stdout
    assert '# ssl_keyfile_password = "********"' in printed.stdout


def test_check_config_serves_nothing_and_says_what_would_fail(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    good = vivace("run", "--check-config")
    assert (good.returncode, good.stdout) == (0, "")
    assert "app.py can be served so." in good.stderr
    assert vivace("run", "--check-config", VIVACE_BACKLOG="0").returncode == 2
    wrong = vivace("run", "--check-config", "--ssl-certfile", "missing.pem")
    assert wrong.returncode == 3
    assert "missing.pem" in wrong.stderr
    (tmp_path / "app.py").write_text("app = 1 / 0")
    broken = vivace("run", "--check-config")
    assert broken.returncode == 3
    assert "ZeroDivisionError" in broken.stderr


def test_an_option_is_named_as_it_was_written() -> None:
    error = ValueError("ssl_keyfile is for TLS, which needs ssl_certfile or ssl_context.")
    flags = "--ssl-keyfile is for TLS, which needs --ssl-certfile or ssl_context."
    assert explain(error, {"ssl_keyfile": Given("x", "command line")}) == f"{flags} Given: ssl_keyfile by command line."
    told = explain(error, {"ssl_keyfile": Given("x", "pyproject.toml")})
    assert told.startswith("ssl_keyfile is for TLS, which needs --ssl-certfile or ")
    assert explain(ValueError("port is wrong."), {"port": Given(1, "command line")}).startswith("--port is wrong.")


def test_who_says_where_to_listen_says_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.vivace]\nport = 9000\nbacklog = 5\n")
    given = collect({"bind": (":8000",)}, tmp_path, {"VIVACE_HOST": "::"})
    assert {name: item.value for name, item in given.items()} == {"bind": (":8000",), "backlog": 5}
    (tmp_path / "pyproject.toml").write_text('[tool.vivace]\nbind = [":8000"]\n')
    given = collect({"port": 9000}, tmp_path, {"VIVACE_HOST": "::"})
    assert {name: item.value for name, item in given.items()} == {"port": 9000, "host": "::"}
