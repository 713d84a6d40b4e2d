"""Logging of a site: its LOGGING setting, or a line a record on standard error where nobody has configured any."""

from __future__ import annotations

import logging
import logging.config

from vivace.conf import ConfigurationError, Settings
from vivace.server.logging import site_handler

# As the server's own lines look.
FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
TIME_FORMAT = "%H:%M:%S"


def configure(settings: Settings) -> None:
    """Apply LOGGING as `logging.config.dictConfig` does, or LOG_LEVEL and a plain handler on an unconfigured root.

    Handlers that the host program, or pytest, has put on the root logger stay. Raises ConfigurationError.
    """
    if settings.LOGGING:
        try:
            logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, **settings.LOGGING})
        except (ValueError, TypeError, AttributeError, ImportError) as error:
            raise ConfigurationError(
                f"LOGGING: {error} ({error.__cause__ or 'see logging.config.dictConfig'})"
            ) from error
        return
    root = logging.getLogger()
    if not root.handlers:
        served = site_handler()
        if served is None:
            logging.basicConfig(level=settings.LOG_LEVEL, format=FORMAT, datefmt=TIME_FORMAT)
        else:
            # To the server's log file, and as JSON where its lines are.
            logging.basicConfig(level=settings.LOG_LEVEL, handlers=[served])
        # It tells its every step as INFO; what came of them, our own lines say.
        alembic = logging.getLogger("alembic")
        if alembic.level == logging.NOTSET:
            alembic.setLevel(logging.WARNING)
    logging.getLogger("vivace").setLevel(settings.LOG_LEVEL)
