from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

import pytest

from vivace.web.config import Config, Environ, EnvironError
from vivace.web.datastructures import URL, CommaSeparatedStrings, Secret


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=file\nB=file\n")
    config = Config(tmp_path / ".env", environ={"A": "environment"})
    assert [config(name, default="default") for name in "ABC"] == ["environment", "file", "default"]
    assert config.get("C", default=None) is None


def test_a_prefix_is_put_in_front() -> None:
    config = Config(environ={"SHOP_DEBUG": "1", "DEBUG": "0"}, env_prefix="SHOP_")
    assert config("DEBUG", cast=bool) is True


def test_values_are_cast_and_so_are_defaults() -> None:
    config = Config(environ={"PORT": "80", "HOSTS": "a, b", "KEY": "secret", "URL": "http://a/b"})
    assert_type(config("PORT", cast=int), int)
    assert config("PORT", cast=int) == 80
    assert list(config("HOSTS", cast=CommaSeparatedStrings)) == ["a", "b"]
    assert repr(config("KEY", cast=Secret)) == "Secret('**********')"
    assert config("URL", cast=URL).path == "/b"
    assert config("TIMEOUT", cast=float, default="1.5") == 1.5


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("1", True), ("Yes", True), ("on", True), ("FALSE", False), ("0", False), ("no", False)],
)
def test_a_boolean_is_written_in_several_ways(text: str, value: bool) -> None:
    assert Config(environ={"DEBUG": text})("DEBUG", cast=bool) is value


@pytest.mark.parametrize("cast", [bool, int, float])
def test_what_cannot_be_cast_is_told(cast: Any) -> None:
    with pytest.raises(ValueError, match=r"Config 'A' has value 'maybe'\. Not a valid "):
        Config(environ={"A": "maybe"}).get("A", cast=cast)


def test_a_missing_setting_is_told_with_the_nearest_there_is() -> None:
    config = Config(environ={"DATABASE_URL": "x"})
    with pytest.raises(KeyError, match=r'Did you mean "DATABASE_URL"\?'):
        config("DATABSE_URL")
    with pytest.raises(KeyError, match=r"has no default\."):
        Config(environ={})("X")


def test_a_file_that_is_missing_or_has_other_lines_is_warned_of(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Config file 'nowhere' not found"):
        Config("nowhere")
    (tmp_path / ".env").write_bytes("\ufeffA=1\nsecret-token\n".encode())
    with pytest.warns(UserWarning, match="line 2: expected NAME=value") as warned:
        assert Config(tmp_path / ".env")("A") == "1"
    assert "token" not in str(warned[0].message)
    assert warned[0].filename == __file__


def test_the_encoding_of_the_file_can_be_said(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NAME=Zoë", encoding="latin-1")
    assert Config(tmp_path / ".env", encoding="latin-1")("NAME") == "Zoë"


def test_a_variable_that_was_read_cannot_be_changed() -> None:
    environ = Environ({"A": "1", "B": "2"})
    environ["A"] = "3"
    del environ["B"]
    assert (environ["A"], list(environ), len(environ)) == ("3", ["A"], 1)
    with pytest.raises(EnvironError, match=r"set environ\['A'\]"):
        environ["A"] = "4"
    with pytest.raises(EnvironError, match=r"delete environ\['A'\]"):
        del environ["A"]
