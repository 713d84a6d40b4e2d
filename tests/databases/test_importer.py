"""Objects by their address, and the import paths that encode/databases' users have."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from vivace import databases
from vivace.databases import core, importer, interfaces
from vivace.databases.backends import postgres
from vivace.databases.backends.common import records
from vivace.databases.importer import ImportFromStringError, import_from_string


def test_an_address_gives_the_object() -> None:
    assert import_from_string("tempfile:TemporaryFile") is tempfile.TemporaryFile
    assert import_from_string("vivace.databases:Database.connect") is databases.Database.connect


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("example:", "must be in format"),
        ("example", "must be in format"),
        ("no_such_module:name", 'Could not import module "no_such_module"'),
        ("tempfile:no_such_name", '"no_such_name" not found in module "tempfile"'),
        ("vivace.databases:Database.no_such_name", '"Database.no_such_name" not found'),
    ],
)
def test_a_wrong_address_says_what_is_wrong(address: str, message: str) -> None:
    with pytest.raises(ImportFromStringError, match=message):
        import_from_string(address)


def test_the_import_error_of_the_module_itself_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_more.py").write_text("import no_such_module_at_all")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        import_from_string("needs_more:name")


def test_the_import_paths_of_encode_databases() -> None:
    assert core.Database is databases.Database
    assert core.DatabaseURL is databases.DatabaseURL
    assert core.Connection is databases.Connection
    assert core.Transaction is databases.Transaction
    assert interfaces.Record is postgres.Record is records.Record is databases.Record
    assert importer.import_from_string is import_from_string
