"""The options of `vivace run` are those of the server."""

from __future__ import annotations

import re
from dataclasses import MISSING

import click
import pytest
from tests.cli.conftest import Run

from vivace.cli.commands.run import command
from vivace.cli.foreign_options import ADVICE, OURS
from vivace.cli.run_options import FIELDS, SECTIONS, USUAL, read_seconds, read_size
from vivace.server.config import GROUPS, Config

# These are no text, or have another shape on the command line.
IN_CODE_ONLY = {*GROUPS, "ssl_context"}
OTHERWISE = {"server_header": "no_server_header"}
# What is more than an option of the server.
ONLY_HERE = {"dev"}

OPTIONS = {item.name: item for section in SECTIONS.values() for item in section if isinstance(item, click.Option)}


def test_every_option_of_the_server_is_one_of_the_command() -> None:
    names = {OTHERWISE.get(name, name) for name in FIELDS if name not in IN_CODE_ONLY}
    assert set(OPTIONS) == names | ONLY_HERE


def test_what_help_lists_is_there() -> None:
    for title, names in USUAL.items():
        assert set(names) <= {item.name for item in SECTIONS[title]}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_default_that_help_tells_is_the_servers(name: str) -> None:
    told = re.search(r"\[default: (.*)\]", OPTIONS[name].help or "")
    if name not in FIELDS or told is None or " " in told[1]:
        return
    default = FIELDS[name].default
    assert default is not MISSING
    if isinstance(default, bool):
        assert told[1] == ("on" if default else "off")
    else:
        converted = OPTIONS[name].type.convert(told[1], None, None)
        assert converted == default


def test_an_option_not_given_is_not_passed_on() -> None:
    context = command.make_context("run", [])
    assert {name for name, value in context.params.items() if value not in (None, False, ())} == set()


def test_options_reach_the_configuration() -> None:
    arguments = [
        *("app.py", "--max-body-size", "10M", "--write-timeout", "none", "--min-body-rate", "0", "--no-http2"),
        *("--ssl-certfile", "a.pem", "--ssl-ca-certs", "ca.pem", "--ssl-cert-reqs", "2", "--no-websocket-compression"),
    ]
    given = {name: value for name, value in command.make_context("run", arguments).params.items() if name in FIELDS}
    config = Config.from_options({name: value for name, value in given.items() if value is not None})
    assert config.limits.max_body_size == 10 * 1024 * 1024
    assert config.limits.min_body_rate == 0
    assert config.timeouts.write_timeout == float("inf")
    assert config.http2 is False
    assert (config.tls.ssl_certfile, config.tls.ssl_cert_reqs) == ("a.pem", "required")
    assert config.compression.offered() is None


@pytest.mark.parametrize(("text", "number"), [("65536", 65536), ("64K", 65536), ("1m", 1024**2), ("2G", 2 * 1024**3)])
def test_a_size_may_have_a_unit(text: str, number: int) -> None:
    assert read_size(text) == number


@pytest.mark.parametrize("text", ["", "K", "-1", "1.5M", "10X", "ten"])
def test_another_size_says_what_it_may_be(text: str) -> None:
    with pytest.raises(click.BadParameter, match="64K, 10M, 1G"):
        read_size(text)


def test_a_time_is_seconds_or_none() -> None:
    assert (read_seconds("1.5"), read_seconds("none")) == (1.5, float("inf"))
    with pytest.raises(click.BadParameter, match='"5m" is not a number of seconds, nor "none"'):
        read_seconds("5m")


def test_help_lists_the_usual_options_and_help_all_every_one(vivace: Run) -> None:
    usual, everything = vivace("run", "--help"), vivace("run", "--help-all")
    assert usual.returncode == everything.returncode == 0
    assert "--ssl-certfile" in usual.stdout
    assert "--max-body-size" not in usual.stdout
    assert "--help-all" in usual.stdout
    for option in OPTIONS.values():
        assert option.opts[0] in everything.stdout
    for title in SECTIONS:
        assert f"\n{title}:\n" in everything.stdout


def test_a_wrong_value_names_the_option(vivace: Run) -> None:
    result = vivace("run", "--max-body-size", "10X")
    assert result.returncode == 2
    assert "'--max-body-size'" in result.stderr
    assert "10M" in result.stderr


def test_another_servers_option_is_answered_with_ours(vivace: Run) -> None:
    for given, said in [
        (["--timeout-keep-alive", "5"], "No such option --timeout-keep-alive. Here it is called --keep-alive-timeout."),
        (["--ws=none"], "--no-websocket leaves them out."),
        (["--nonsense"], "No such option '--nonsense'"),
    ]:
        result = vivace("run", "app.py", *given)
        assert result.returncode == 2
        assert said in " ".join(result.stderr.split())


def test_advice_names_options_that_there_are_for_names_that_are_not_ours() -> None:
    ours = {name for section in SECTIONS.values() for item in section for name in (*item.opts, *item.secondary_opts)}
    assert {f"--{name}" for name in OURS.values()} <= ours
    assert not ours & {*OURS, *ADVICE}
