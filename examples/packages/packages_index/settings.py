"""The settings of the site; `VIVACE_DATABASE=postgresql://… ./scripts/demo` puts it on PostgreSQL."""

from vivace import conf


class Settings(conf.Settings):
    """What differs from Vivace's defaults."""

    DATABASE = "sqlite:///packages.db"
    INSTALLED_APPS: list[str] = ["catalog"]
    ROOT_URLCONF = "catalog.urls"
