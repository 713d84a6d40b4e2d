"""The static files of a site: where they are, and how they are served."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vivace.conf import AppRegistry, Settings
from vivace.web.routing import Mount
from vivace.web.staticfiles import StaticFiles
from vivace.web.staticfiles._manifest import MANIFEST_NAME


def static_directories(settings: Settings, apps: AppRegistry) -> list[Path]:
    """Where static files are looked for, those of the site before those of its apps."""
    return list(_existing([*settings.STATICFILES_DIRS, *(app.path / "static" for app in apps)]))


def static_mount(settings: Settings, apps: AppRegistry) -> Mount | None:
    """What serves them: the directory that `vivace collectstatic` has made, or in development the files themselves."""
    path = settings.STATIC_URL.rstrip("/")
    if not settings.DEBUG and (settings.STATIC_ROOT / MANIFEST_NAME).is_file():
        return Mount(path, app=StaticFiles(directory=settings.STATIC_ROOT), name="static")
    directories = static_directories(settings, apps)
    return Mount(path, app=StaticFiles(directory=directories, manifest=False), name="static") if directories else None


def _existing(folders: Iterable[Path]) -> Iterable[Path]:
    return (folder for folder in folders if folder.is_dir())
