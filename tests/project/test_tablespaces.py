"""Settings that say where PostgreSQL keeps tables and indexes."""

from __future__ import annotations

from pathlib import Path

from vivace import Vivace
from vivace.conf import Settings
from vivace.orm import models
from vivace.orm.registry import registry
from vivace.orm.schema import metadata


def test_tables_and_indexes_go_where_the_settings_say(tmp_path: Path) -> None:
    with registry.isolated(empty=True):
        settings = Settings(BASE_DIR=tmp_path, DEFAULT_TABLESPACE="disks", DEFAULT_INDEX_TABLESPACE="flash")
        Vivace(name="app", settings=settings).setup()

        class Shelf(models.Model):
            name = models.CharField(max_length=20, db_index=True)

            class Meta:
                app_label = "shop"

        table = metadata([Shelf]).tables["shop_shelf"]
    assert table.dialect_options["postgresql"]["tablespace"] == "disks"
    (index,) = table.indexes
    assert index.dialect_options["postgresql"]["tablespace"] == "flash"


def test_without_them_nothing_is_said(tmp_path: Path) -> None:
    with registry.isolated(empty=True):
        Vivace(name="app", settings=Settings(BASE_DIR=tmp_path)).setup()
        assert (registry.default_tablespace, registry.default_index_tablespace) == (None, None)
