"""Which tables each database of a site has, as its routers say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vivace.orm.migrations.ddl import Allows, everything
from vivace.orm.registry import registry
from vivace.orm.schema import metadata

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.routing import Databases


def allowed_on(databases: Databases, alias: str, models: Iterable[type[Model]] | None = None) -> Allows:
    """What `migrate(allows=…)` takes, for the database `alias`: asks the routers' `allow_migrate`.

    A table of no model of today (`models`; all that there are, unless given) is asked for by the name that Django gives
    tables: `blog_note` of the app `blog` is the model `note`.
    """
    if not databases.routers:
        return everything
    tables = metadata(registry.models() if models is None else models).tables.values()
    names = {table.name: str(table.info["model"]).rpartition(".")[2].lower() for table in tables}

    def allows(label: str, table: str | None) -> bool:
        if table is None:
            return databases.allow_migrate(alias, label)
        name = names.get(table) or table.removeprefix(f"{label}_").replace("_", "")
        return databases.allow_migrate(alias, label, model_name=name)

    return allows
