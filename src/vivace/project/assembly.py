"""Puts a site together: apps are imported, their templates, static files, URLs and API found, and the routes made.

The site's own routes come first, in the order given, then those of ROOT_URLCONF, the API, the static files, and the
welcome page while nothing answers at "/".
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from vivace.conf import AppRegistry, InstalledApp, Settings
from vivace.project import pages
from vivace.project.api import API
from vivace.project.modules import import_module
from vivace.project.static import static_mount
from vivace.project.urls import SiteURLs
from vivace.web.routing import BaseRoute, Match, Mount, Route

if TYPE_CHECKING:
    from vivace.project.application import Vivace


def assemble(site: Vivace, settings: Settings, apps: AppRegistry) -> None:
    """Give `site` what its settings and apps describe. Raises ConfigurationError."""
    for app in apps:
        if app.module != site.origin.module:
            _load_app(site, app)
    templates = [*settings.TEMPLATE_DIRS, *(app.path / "templates" for app in apps)]
    _add_template_folders(site, _existing(templates))
    urls = SiteURLs.of(settings.ROOT_URLCONF)
    site.routes.extend(urls.routes)
    if site.api:
        site.routes.append(api_mount(site.api, settings, site.name))
    static = static_mount(settings, apps)
    if static is not None:
        site.routes.append(static)
    if not answers_root(site.routes):
        site.routes.append(Route("/", pages.welcome, name="welcome"))
    site.exception_handlers = {**urls.error_handlers, **site.exception_handlers}
    site.exception_handlers.setdefault(404, pages.not_found)
    if not {500, Exception} & site.exception_handlers.keys():
        site.exception_handlers[500] = pages.server_error


def api_mount(api: API, settings: Settings, title: str) -> Mount:
    """Everything registered, with its OpenAPI document, below API_URL."""
    from vivace.project.rest import api_routes  # a site without an API needs no REST framework

    return Mount(settings.API_URL.rstrip("/"), routes=api_routes(api, title), name="api")


def answers_root(routes: Iterable[BaseRoute]) -> bool:
    """Whether some route takes `GET /`."""
    scope = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": [], "path_params": {}}
    return any(route.matches(dict(scope))[0] is not Match.NONE for route in routes)


def _load_app(site: Vivace, app: InstalledApp) -> None:
    import_module(app.module, named_by="INSTALLED_APPS")
    for name in ("models", "api"):
        if app.has_module(name):
            module = import_module(f"{app.module}.{name}", named_by="INSTALLED_APPS")
            api = getattr(module, "api", None)
            if name == "api" and isinstance(api, API):
                site.api.include(api)


def _add_template_folders(site: Vivace, folders: Iterable[Path]) -> None:
    loader = site.templates.env.loader
    if isinstance(loader, jinja2.FileSystemLoader):
        loader.searchpath.extend(str(folder) for folder in folders)


def _existing(folders: Iterable[Path]) -> Iterable[Path]:
    return (folder for folder in folders if folder.is_dir())
