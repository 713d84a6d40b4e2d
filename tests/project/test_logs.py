"""Logging of a site. The root logger is the process's, so each case is a process of its own."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap

import pytest

from vivace.conf import ConfigurationError, Settings
from vivace.project import logs


def output(program: str) -> str:
    """What a program writes to standard error."""
    start = "import logging\nfrom vivace.conf import Settings\nfrom vivace.project import logs\n"
    command = [sys.executable, "-c", start + textwrap.dedent(program)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


def test_an_unconfigured_process_gets_a_line_a_record() -> None:
    written = output(
        """
        logs.configure(Settings())
        logging.getLogger("blog.views").info("seen")
        logging.getLogger("blog.views").debug("not seen")
        """
    )
    assert written.endswith("INFO    blog.views: seen\n")
    assert "not seen" not in written


def test_alembic_s_steps_are_not_a_site_s_news() -> None:
    written = output(
        """
        logs.configure(Settings())
        logging.getLogger("alembic.runtime.migration").info("not seen")
        logging.getLogger("alembic.runtime.migration").warning("seen")
        """
    )
    assert written.count("\n") == 1
    assert "alembic.runtime.migration: seen" in written


def test_alembic_s_own_level_stays() -> None:
    written = output(
        """
        logging.getLogger("alembic").setLevel("INFO")
        logs.configure(Settings())
        logging.getLogger("alembic").info("seen")
        """
    )
    assert "alembic: seen" in written


def test_log_level_decides_how_much() -> None:
    written = output(
        """
        logs.configure(Settings(LOG_LEVEL="ERROR"))
        logging.getLogger("blog").warning("not seen")
        logging.getLogger("vivace.project").warning("not seen")
        logging.getLogger("blog").error("seen")
        """
    )
    assert written.count("\n") == 1


def test_handlers_of_the_host_program_stay_alone() -> None:
    written = output(
        """
        logging.basicConfig(format="host: %(message)s", level="INFO")
        logs.configure(Settings())
        logging.getLogger("blog").info("hello")
        """
    )
    assert written == "host: hello\n"


def test_the_logging_setting_is_a_dict_config() -> None:
    written = output(
        """
        logs.configure(Settings(LOGGING={
            "formatters": {"plain": {"format": "own: %(message)s"}},
            "handlers": {"err": {"class": "logging.StreamHandler", "formatter": "plain"}},
            "loggers": {"blog": {"handlers": ["err"], "level": "INFO"}},
        }))
        logging.getLogger("blog").info("hello")
        """
    )
    assert written == "own: hello\n"


def test_a_wrong_logging_setting_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="LOGGING: Unable to configure handler 'x'"):
        logs.configure(Settings(LOGGING={"handlers": {"x": {"class": "no.such.Handler"}}}))


def test_in_a_process_that_is_configured_only_our_level_is_set() -> None:
    root = logging.getLogger()
    handlers = list(root.handlers)
    assert handlers, "pytest's own"
    level = logging.getLogger("vivace").level
    logs.configure(Settings(LOG_LEVEL="WARNING"))
    assert root.handlers == handlers
    assert logging.getLogger("vivace").level == logging.WARNING
    logging.getLogger("vivace").setLevel(level)
