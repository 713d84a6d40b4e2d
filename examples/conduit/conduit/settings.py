"""The settings; `VIVACE_DATABASE=postgresql://…` puts the site on PostgreSQL."""

from typing import Any

from vivace import conf


class Settings(conf.Settings):
    """What differs from Vivace's defaults."""

    DATABASE = "sqlite:///conduit.db"
    INSTALLED_APPS: list[str] = ["blog"]
    ROOT_URLCONF = "blog.urls"
    REST_FRAMEWORK: dict[str, Any] = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["blog.tokens.JWTAuthentication"],
        "DEFAULT_PARSER_CLASSES": ["vivace.rest.parsers.JSONParser"],
        "DEFAULT_RENDERER_CLASSES": ["vivace.rest.renderers.JSONRenderer"],
        "EXCEPTION_HANDLER": "blog.errors.exception_handler",
    }
