"""What a site says in REST_FRAMEWORK."""

from __future__ import annotations

from vivace.conf import ConfigurationError, Settings
from vivace.rest.settings import RESTSettings


def rest_settings(settings: Settings) -> RESTSettings | None:
    """The settings of the site's REST views; None where they are the defaults. Raises ConfigurationError."""
    if not settings.REST_FRAMEWORK:
        return None
    try:
        return RESTSettings(settings.REST_FRAMEWORK)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
