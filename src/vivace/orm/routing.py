"""`Databases`: the databases of a site by alias, and the routers that say which one a query goes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vivace.orm.exceptions import NoDatabase
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

DEFAULT = "default"


class Databases(Mapping[str, "Database"]):
    """Databases by alias, `"default"` among them, and routers, which are asked in order.

    A router is any object with some of Django's methods: `db_for_read(model, **hints)` and `db_for_write(model,
    **hints)` give an alias or None, `allow_relation(first, second, **hints)` and `allow_migrate(alias, app_label,
    model_name=None, **hints)` give True, False or None. None leaves it to the next router, at last to the default.
    Hints are `instance=` where a query starts from one, and `model=` for `allow_migrate`.

    Raises ValueError without a `"default"`, TypeError for a router that has none of these methods.
    """

    def __init__(self, databases: Mapping[str, Database], routers: Sequence[Any] = ()) -> None:
        if DEFAULT not in databases:
            raise ValueError(f'One of the databases is called "{DEFAULT}"; these are called {", ".join(databases)}')
        for router in routers:
            if not any(hasattr(router, name) for name in _METHODS):
                raise TypeError(f"{router!r} is no router: it has none of the methods {', '.join(_METHODS)}")
        self._databases = dict(databases)
        self.routers = tuple(routers)

    def __getitem__(self, alias: str) -> Database:
        """The database of an alias. Raises NoDatabase with the nearest one."""
        found = self._databases.get(alias)
        if found is None:
            raise NoDatabase(
                f'There is no database "{alias}". {did_you_mean(alias, self._databases, listed_as="Databases")}'
            )
        return found

    def __contains__(self, alias: object) -> bool:
        return alias in self._databases

    def __iter__(self) -> Iterator[str]:
        return iter(self._databases)

    def __len__(self) -> int:
        return len(self._databases)

    def alias_of(self, database: Database) -> str | None:
        """The alias of a database, or None for one that is not of these."""
        return next((alias for alias, each in self._databases.items() if each is database), None)

    def route(self, model: type[Model], *, write: bool, **hints: Any) -> Database | None:
        """What the routers say of a query on `model`; None when all leave it open."""
        alias = self._asked("db_for_write" if write else "db_for_read", model, **hints)
        return None if alias is None else self[alias]

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        """The alias of the database that rows of `model` are read from."""
        return str(self._asked("db_for_read", model, **hints) or DEFAULT)

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        """The alias of the database that rows of `model` are written to."""
        return str(self._asked("db_for_write", model, **hints) or DEFAULT)

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        """Whether two instances may be related: if no router knows, only those of the same database."""
        allowed = self._asked("allow_relation", first, second, **hints)
        return bool(first._state.db is second._state.db if allowed is None else allowed)

    def allow_migrate(self, alias: str, app_label: str, **hints: Any) -> bool:
        """Whether the database of an alias has the tables of an app (or of one model: `model_name=`)."""
        allowed = self._asked("allow_migrate", alias, app_label, **hints)
        return True if allowed is None else bool(allowed)

    def allow_migrate_model(self, alias: str, model: type[Model]) -> bool:
        """Whether the database of an alias has the table of a model."""
        meta = model._meta
        return self.allow_migrate(alias, meta.app_label, model_name=meta.model_name, model=model)

    def _asked(self, method: str, *arguments: Any, **hints: Any) -> Any:
        for router in self.routers:
            answer = getattr(router, method, None)
            if answer is not None:
                found = answer(*arguments, **hints)
                if found is not None:
                    return found
        return None

    def __repr__(self) -> str:
        return f"<Databases: {', '.join(self._databases)}>"


_METHODS = ("db_for_read", "db_for_write", "allow_relation", "allow_migrate")
