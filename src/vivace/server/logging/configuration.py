"""How the server sets its logging up."""

from __future__ import annotations

import configparser
import importlib
import json
import logging
import logging.config
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vivace.server.config import Config
from vivace.server.errors import ConfigError
from vivace.server.logging.formatters import AccessFormatter, LineFormatter
from vivace.server.logging.json_lines import IDENTITY, JsonFormatter
from vivace.server.logging.loggers import access_logger, server_logger
from vivace.server.logging.output import LogOutput, OutputHandler, uses_colors


def configure_logging(config: Config) -> None:
    """Set up both loggers on standard error or `log_file`, or do what `config.log_config` says instead.

    ConfigError when the file cannot be opened, or the configuration not be read.
    """
    if config.log_config is not None:
        apply_log_config(config.log_config)
        return
    try:
        output = LogOutput(config.logs.log_file)
    except OSError as error:
        raise ConfigError(f"log_file: {config.logs.log_file} cannot be written: {error.strerror}.") from None
    colors, dated = uses_colors(config.use_colors, output), not output.is_terminal
    formatters: dict[logging.Logger, logging.Formatter] = {
        server_logger: LineFormatter(colors, dated),
        access_logger: AccessFormatter(colors, dated),
    }
    if config.logs.log_format == "json":
        formatters = dict.fromkeys(formatters, JsonFormatter(IDENTITY))
    for logger, formatter in formatters.items():
        handler = OutputHandler(output)
        handler.setFormatter(formatter)
        replace_handlers(logger, handler)
        logger.setLevel(config.log_level_number)
        logger.propagate = False
    if config.logs.log_format == "json" or config.logs.log_file is not None:
        # What has no handler is told to standard error, as it is; here it goes with the rest.
        logging.lastResort = site_handler()
        if logging.lastResort is not None:
            logging.lastResort.setLevel(logging.WARNING)


def replace_handlers(logger: logging.Logger, handler: logging.Handler) -> None:
    """Make it the logger's only one."""
    for each in list(logger.handlers):
        logger.removeHandler(each)
        if isinstance(each, OutputHandler):
            each.output.close()
    logger.addHandler(handler)


def site_handler() -> logging.Handler | None:
    """A handler for other loggers' records, which go where the server's go and look like them.

    None when it was not `configure_logging` that set the server's logging up.
    """
    for handler in server_logger.handlers:
        if isinstance(handler, OutputHandler):
            other = OutputHandler(handler.output)
            other.setFormatter(handler.formatter)
            return other
    return None


def name_worker(number: int) -> None:
    """From here on this process is that worker, for `%(worker)s` and in every line of JSON."""
    IDENTITY["worker"] = number


# ---- the user's configuration


def apply_log_config(log_config: Mapping[str, Any] | str | Path) -> None:
    """Do what a mapping says (logging.config.dictConfig), or a file: .json, .toml, .yaml or .ini. ConfigError.

    Loggers that it does not name are left as they are, unless it says `disable_existing_loggers`.
    """
    try:
        if isinstance(log_config, Mapping):
            settings = dict(log_config)
        elif Path(log_config).suffix.lower() in {".ini", ".cfg", ".conf"}:
            logging.config.fileConfig(log_config, disable_existing_loggers=False, encoding="utf-8")
            return
        else:
            settings = read_log_config(Path(log_config))
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, **settings})
    except ConfigError:
        raise
    except OSError as error:
        raise ConfigError(f"log_config: {log_config} cannot be read: {error.strerror or error}.") from None
    except (ValueError, TypeError, AttributeError, ImportError, KeyError, RuntimeError, configparser.Error) as error:
        where = "" if isinstance(log_config, Mapping) else f"{log_config}: "
        raise ConfigError(f"log_config: {where}{error} ({error.__cause__ or 'see logging.config'}).") from error


def read_log_config(path: Path) -> dict[str, Any]:
    """A file for dictConfig, by its name's end. ConfigError, OSError; ValueError for what is not well formed."""
    kind = path.suffix.lower()
    text = path.read_text(encoding="utf-8")
    if kind == ".json":
        settings = json.loads(text)
    elif kind == ".toml":
        settings = tomllib.loads(text)
    elif kind in {".yaml", ".yml"}:
        settings = read_yaml(text)
    else:
        raise ConfigError(
            f"log_config: {path} is of no known kind; .json, .toml, .yaml and .ini are, by the name's end."
        )
    if not isinstance(settings, dict):
        raise ConfigError(f"log_config: {path} holds no table, as logging.config.dictConfig wants it.")
    return settings


def read_yaml(text: str) -> Any:
    """YAML, where PyYAML is installed."""
    try:
        yaml = importlib.import_module("yaml")
    except ImportError:
        raise ConfigError(
            "log_config: a .yaml file needs PyYAML, which is not installed: pip install pyyaml, or write it as .toml "
            "or .json."
        ) from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
