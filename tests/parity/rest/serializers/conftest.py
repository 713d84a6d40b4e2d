"""The shop and the press on SQLite and PostgreSQL, and both worlds' names of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.schema import CreateTable
from tests.parity.orm.conftest import worlds as shop_worlds
from tests.parity.orm.worlds import Worlds
from tests.parity.rest.serializers import both, press

from vivace.orm import using
from vivace.orm.schema import metadata


class RestWorlds:
    """Runs texts in both worlds; nothing that they write stays."""

    def __init__(self, worlds: Worlds) -> None:
        self.worlds = worlds
        rows = {"Issue": press.Issue}
        self.ours = worlds.ours | both.names_of_vivace() | rows
        self.drf = worlds.theirs | both.names_of_drf() | {"Issue": press.django_model()}

    def vivace(self, program: str) -> Any:
        """What the text gives in Vivace."""

        async def run() -> Any:
            with using(self.worlds.database):
                transaction = await self.worlds.database.transaction().start()
                try:
                    return await both.run_vivace(program, self.ours)
                finally:
                    await transaction.rollback()

        return self.worlds.runner.run(run())

    def django(self, program: str) -> Any:
        """What the text gives with DRF."""
        from django.db import connections, transaction

        # DRF asks the default database about conditions, whatever the router says.
        connections["default"] = connections[self.worlds.kind]
        try:
            with transaction.atomic(using=self.worlds.kind):
                result = both.run_drf(program, self.drf)
                transaction.set_rollback(True, using=self.worlds.kind)
        finally:
            del connections["default"]
        return result


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def worlds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """The shop on one database."""
    yield from shop_worlds.__wrapped__(request, tmp_path_factory)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def rest(worlds: Worlds) -> RestWorlds:
    """The shop and the press, with one issue."""

    async def start() -> None:
        with using(worlds.database):
            for table in metadata([press.Issue]).sorted_tables:
                await worlds.database.execute(str(CreateTable(table).compile(dialect=worlds.database.dialect)))
            await press.Issue.objects.create(
                title="One", slug="one", motto="On!", day="2024-05-06", number=1, section="a", place="b", code="x"
            )

    worlds.runner.run(start())
    return RestWorlds(worlds)
