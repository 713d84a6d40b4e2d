"""`Vivace`: the application object of a site, in one file or in a project.

It is a `vivace.web` application that also knows its settings, its installed apps, its database and its API. Making one
reads and connects nothing; its parts come to life in this order:

1. `setup()`: settings are loaded and checked, installed apps imported, routes put together (`assembly`);
2. `connected()`: the database is connected and bound, so that queries find it (`connection`);
3. requests: each runs with the database bound.

A server's lifespan does 1 and 2; so does the first request on a server without lifespan, and every command.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from vivace.conf import AppRegistry, ConfigurationError, InstalledApp, Settings
from vivace.project import logs
from vivace.project.api import API
from vivace.project.assembly import assemble
from vivace.project.atomic_requests import AtomicRequests
from vivace.project.connection import Connection, is_explained
from vivace.project.databases import database_urls, load_routers
from vivace.project.origin import Origin
from vivace.project.rest_settings import rest_settings
from vivace.project.security import guarded
from vivace.project.swaps import check_swaps, swap_models
from vivace.project.tablespaces import use_tablespaces
from vivace.rest.settings import RESTSettings
from vivace.rest.settings import set_settings as set_rest_settings
from vivace.rest.settings import using as use_rest_settings
from vivace.web.applications import Application
from vivace.web.middleware import Middleware
from vivace.web.routing import BaseRoute
from vivace.web.templating import Jinja2Templates
from vivace.web.types import ASGIApp, ExceptionHandler, Lifespan, Message, Receive, Scope, Send
from vivace.web.urls import set_urlconf
from vivace.web.urls.current import current_scope

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.routing import Databases


class Vivace(Application):
    """An ASGI application: routes and middleware as in `vivace.web`, with settings, database, apps and API.

    * `name`: labels the models of a single-file site (tables `name_model`) and titles its API; by default the file's
      stem, or the package's name.
    * `database`, `debug`: short for the settings DATABASE and DEBUG; files and the environment win over them.
    * `settings`: a `vivace.conf.Settings` class, loaded at start, or an instance, used as it is.
    * `routes`, `middleware`, `exception_handlers`, `lifespan`, `max_body_size`: as for Application of `vivace.web`; the
      database is connected when the lifespan runs.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        database: str | None = None,
        settings: type[Settings] | Settings | None = None,
        routes: Sequence[BaseRoute] | None = None,
        middleware: Sequence[Middleware] | None = None,
        exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
        lifespan: Lifespan[Any] | None = None,
        debug: bool | None = None,
        max_body_size: int | None = None,
    ) -> None:
        super().__init__(
            routes=routes,
            middleware=middleware,
            exception_handlers=exception_handlers,
            lifespan=lifespan,
            max_body_size=max_body_size,
        )
        self.origin = Origin.of(sys._getframe(1))
        self.name = self.origin.name if name is None else name
        if not self.name.isidentifier():
            raise ConfigurationError(
                f"Vivace(name={self.name!r}): the name labels models and tables, so it is an identifier such as "
                f"{Origin('', None).name!r} or 'books'."
            )
        self.api = API()
        self.templates = Jinja2Templates([])
        self._settings_source = Settings if settings is None else settings
        self._given = {"DATABASE": database, "DEBUG": debug}
        self._settings: Settings | None = None
        self._apps = AppRegistry()
        self._connection: Connection | None = None
        self._rest_settings: RESTSettings | None = None  # none but the defaults
        self._site_lifespan = self.router.lifespan_context
        self.router.lifespan_context = self._lifespan_with_database
        if self.origin.is_single_file:
            self._label_models()

    def __repr__(self) -> str:
        return f"<Vivace {self.name}>"

    @property
    def settings(self) -> Settings:
        """The settings, loaded and checked when they are first asked for. Raises SettingsError with all faults."""
        if self._settings is None:
            self._settings = self._load_settings()
        return self._settings

    @property
    def apps(self) -> AppRegistry:
        """The installed apps; for a single-file site, itself."""
        self.setup()
        return self._apps

    @property
    def database(self) -> Database | None:
        """The database of DATABASE, or None. It is connected while the application is up."""
        return self.setup().database

    @property
    def databases(self) -> Databases | None:
        """The databases of DATABASE and DATABASES by alias, or None. They are connected while the application is up."""
        return self.setup().databases

    def setup(self) -> Connection:
        """Load the settings, import the installed apps and put the routes together; once, later calls do nothing.

        Raises ConfigurationError: wrong settings, apps that are missing or fail on import, wrong URLs.
        """
        if self._connection is None:
            settings = self.settings
            self.debug = settings.DEBUG
            swapped = swap_models(settings)
            use_tablespaces(settings)
            self._apps = self._find_apps(settings)
            connection = Connection(
                database_urls(settings),
                folder=settings.BASE_DIR,
                routers=load_routers(settings.DATABASE_ROUTERS),
                loose_label=self._loose_label,
                labels=[app.label for app in self._apps],
            )
            self._rest_settings = rest_settings(settings)
            with use_rest_settings(self._rest_settings):
                assemble(self, settings, self._apps)
            check_swaps(swapped)
            if settings.ATOMIC_REQUESTS and connection.database is not None:
                self.user_middleware.append(Middleware(AtomicRequests, databases=connection.used))
            self._connection = connection
            set_urlconf(self)
        return self._connection

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Database | None]:
        """The database connected and bound, for scripts and commands: `async with app.connected(): …`."""
        async with self.setup().open() as database:
            yield database

    def build_middleware_stack(self) -> ASGIApp:
        """Everything inside the layers that no response escapes: allowed hosts and security headers."""
        self.setup()
        return guarded(super().build_middleware_stack(), self.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        connection = self._connection
        if connection is None or not connection.is_open_here():
            connection = await self._open_late()
        before = connection.bind()
        rest_before = None if self._rest_settings is None else set_rest_settings(self._rest_settings)
        # `reverse()` and `redirect()` know whose routes are meant.
        scope_before = current_scope.set(scope)
        try:
            await super().__call__(scope, receive, send)
        finally:
            current_scope.reset(scope_before)
            connection.unbind(before)
            if rest_before is not None:
                set_rest_settings(rest_before)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The lifespan: what the site's owner can mend becomes one message, without a traceback of ours."""
        explained: BaseException | None = None

        async def send_explained(message: Message) -> None:
            nonlocal explained
            error = sys.exception()
            if message["type"] == "lifespan.startup.failed" and error is not None and is_explained(error):
                message, explained = {**message, "message": str(error)}, error
            await send(message)

        try:
            self.setup()
            logs.configure(self.settings)
        except Exception as error:
            # Asking for the event first, since a server may take an error before that for "knows no lifespan".
            await receive()
            said = str(error) if is_explained(error) else traceback.format_exc()
            await send({"type": "lifespan.startup.failed", "message": said})
            if not is_explained(error):
                raise
            return
        try:
            await super().__call__(scope, receive, send_explained)
        except Exception as error:
            if error is not explained:
                raise

    @asynccontextmanager
    async def _lifespan_with_database(self, app: Any) -> AsyncIterator[Any]:
        """The site's own lifespan, inside the database's."""
        async with self.setup().open(serving=True), self._site_lifespan(app) as state:
            yield state

    async def _open_late(self) -> Connection:
        """For a server that runs no lifespan: open at the first request, and stay open."""
        connection = self.setup()
        await connection.open_late()
        return connection

    def _load_settings(self) -> Settings:
        source: Any = self._settings_source
        given: dict[str, object] = {name: value for name, value in self._given.items() if value is not None}
        origin = "Vivace(" + ", ".join(f"{name.lower()}=…" for name in given) + ")"
        if isinstance(source, Settings):
            if given:
                raise ConfigurationError(f"{origin}: an instance of settings is used as it is; say it there.")
            return source
        if not (isinstance(source, type) and issubclass(source, Settings)):
            raise ConfigurationError(
                f"Vivace(settings=…) takes a subclass of vivace.conf.Settings or an instance of one, got {source!r}."
            )
        if source is Settings:
            given["BASE_DIR"] = self.origin.folder
        return source.load(defaults=given, defaults_origin=origin)

    def _find_apps(self, settings: Settings) -> AppRegistry:
        registry = AppRegistry.find(settings.INSTALLED_APPS)
        if not self.origin.is_single_file or self.origin.file is None:
            return registry
        itself = InstalledApp(label=self.name, module=self.origin.module, path=self.origin.file.parent)
        return AppRegistry([itself, *registry])

    @property
    def _loose_label(self) -> str | None:
        """The label whose tables are made without migrations: that of a single file beside which there are none."""
        if not self.origin.is_single_file:
            return None
        itself = self._apps.get(self.name)
        return None if itself is not None and itself.migrations.is_dir() else self.name

    def _label_models(self) -> None:
        """Models of a single file are labelled with the site's name.

        The ORM already takes the module's name, so it is imported only for another one: a site without models pays
        nothing for it.
        """
        if self.name != self.origin.module or "vivace.orm.registry" in sys.modules:
            from vivace.orm.registry import registry

            registry.set_label(self.origin.module, self.name)
