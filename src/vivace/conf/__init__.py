"""Settings types with their sources, and the registry of installed apps: data only.

Read `settings` first. Only `vivace.cli`, `vivace.project` and `vivace.testing` read settings; everything below takes
arguments with sensible defaults. Nothing is read at import: a settings class is a description until `load()` is called.
"""

from __future__ import annotations

from vivace.conf.apps import AppRegistry, InstalledApp
from vivace.conf.errors import ConfigurationError, Fault, SettingsError
from vivace.conf.settings import Settings
from vivace.conf.types import Rule, Secret, Url, UrlPrefix, Urls

__all__ = [
    "AppRegistry",
    "ConfigurationError",
    "Fault",
    "InstalledApp",
    "Rule",
    "Secret",
    "Settings",
    "SettingsError",
    "Url",
    "UrlPrefix",
    "Urls",
]
