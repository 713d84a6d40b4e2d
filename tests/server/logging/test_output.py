"""Where lines go: whole, in order, to the file that has the name now."""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from vivace.server import Config, ConfigError
from vivace.server.logging import configure_logging, reopen_logs, server_logger, site_handler
from vivace.server.logging.configuration import apply_log_config
from vivace.server.logging.output import LogOutput, whole_lines

INI = """
[loggers]
keys=root,access
[handlers]
keys=
[formatters]
keys=
[logger_root]
handlers=
[logger_access]
qualname=vivace.access
level=ERROR
handlers=
"""


def test_lines_are_never_cut_unless_one_is_too_long() -> None:
    lines = b"".join(b"%d %s\n" % (number, b"x" * number) for number in range(50))
    pieces = list(whole_lines(lines, 40))
    assert b"".join(pieces) == lines
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert all(len(piece) <= 40 or piece.count(b"\n") == 1 for piece in pieces)


def test_a_moved_file_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    configure_logging(Config.from_options({"log_file": str(path)}))
    server_logger.info("first")
    path.rename(tmp_path / "server.log.1")
    server_logger.info("second")
    reopen_logs()
    server_logger.info("third")
    assert stat.S_IMODE(path.stat().st_mode) & ~0o640 == 0
    assert [line.split()[-1] for line in (tmp_path / "server.log.1").read_text().splitlines()] == ["first", "second"]
    assert path.read_text().splitlines()[-1].endswith("third")


def test_a_file_that_cannot_be_opened_again_stays(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    configure_logging(Config.from_options({"log_file": str(folder / "server.log")}))
    folder.rename(tmp_path / "moved")
    reopen_logs()
    assert "cannot be opened again" in (tmp_path / "moved" / "server.log").read_text()


def test_a_file_that_cannot_be_opened_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"log_file: .* cannot be written: No such file or directory"):
        configure_logging(Config.from_options({"log_file": str(tmp_path / "no" / "server.log")}))


def test_a_slow_reader_of_a_pipe_that_does_not_block_gets_every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        output = LogOutput()
        lines = [b"%06d %s\n" % (number, b"x" * 90) for number in range(5000)]
        found = bytearray()

        def read() -> None:
            while piece := os.read(reader, 4096):
                found.extend(piece)

        thread = threading.Thread(target=read)
        output.buffer.put(b"".join(lines))
        thread.start()
        output.flush()
    thread.join(timeout=10)
    os.close(reader)
    assert bytes(found) == b"".join(lines)


def test_lines_that_are_lost_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    configure_logging(Config.from_options({"log_file": str(path)}))
    real = os.write

    def full(file: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    server_logger.info("one")
    server_logger.info("two")
    monkeypatch.setattr(os, "write", real)
    server_logger.info("three")
    three, lost = path.read_text().splitlines()
    assert three.endswith("three")
    assert "2 lines of the log were lost: [Errno 28] No space left on device" in lost


def test_other_loggers_can_go_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert site_handler() is None
    configure_logging(Config.from_options({"log_file": str(path), "log_format": "json"}))
    handler = site_handler()
    assert handler is not None
    handler.handle(logging.makeLogRecord({"name": "site", "levelname": "INFO", "msg": "hello"}))
    found = json.loads(path.read_text())
    assert (found["logger"], found["message"]) == ("site", "hello")


def test_what_no_handler_takes_is_json_as_well(tmp_path: Path) -> None:
    code = (
        "import logging; from vivace.server import Config; from vivace.server.logging import configure_logging\n"
        "configure_logging(Config.from_options({'log_format': 'json'}))\n"
        "logging.getLogger('asyncio').error('lost')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(result.stderr)["logger"] == "asyncio"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"loggers": {"vivace.access": {"level": "ERROR"}}}'),
        ("a.toml", '[loggers."vivace.access"]\nlevel = "ERROR"\n'),
        ("a.yaml", "loggers:\n  vivace.access:\n    level: ERROR\n"),
        ("a.ini", INI),
    ],
)
def test_a_configuration_is_read_from_a_file(tmp_path: Path, name: str, text: str) -> None:
    if name.endswith(".yaml"):
        pytest.importorskip("yaml")
    (tmp_path / name).write_text(text)
    configure_logging(Config(log_config=str(tmp_path / name)))
    assert logging.getLogger("vivace.access").level == logging.ERROR
    assert not logging.getLogger("vivace.server").disabled


@pytest.mark.parametrize(
    ("name", "text"), [("a.json", "{"), ("a.toml", "="), ("a.txt", ""), ("a.json", "[]"), ("a.json", '{"version": 2}')]
)
def test_a_configuration_that_cannot_be_read_is_an_error(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match="log_config"):
        apply_log_config(tmp_path / name)


def test_a_configuration_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        apply_log_config(tmp_path / "none.toml")
