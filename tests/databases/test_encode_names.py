"""Every public name and signature of encode/databases is here, as the installed package has them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

import databases.core
import databases.importer
import databases.interfaces
import pytest

import databases
import vivace.databases
from vivace.databases import core, importer, interfaces, records

CLASSES = [
    (databases.Database, vivace.databases.Database),
    (databases.DatabaseURL, vivace.databases.DatabaseURL),
    (databases.core.Connection, core.Connection),
    (databases.core.Transaction, core.Transaction),
    (databases.interfaces.Record, interfaces.Record),
    (databases.importer.ImportFromStringError, importer.ImportFromStringError),
]
# The interface of its backends; ours is in backends/base.py.
OTHER_INTERFACES = {"ConnectionBackend", "DatabaseBackend", "TransactionBackend"}
# Colours of its log lines.
LOOKS = {"CONNECT_EXTRA", "DISCONNECT_EXTRA", "LOG_EXTRA"}


def public_members() -> Iterator[tuple[type, type, str]]:
    for theirs, ours in CLASSES:
        for name in vars(theirs):
            if not name.startswith("_"):
                yield theirs, ours, name


@pytest.mark.parametrize("module", ["", ".core", ".interfaces", ".importer"])
def test_its_modules_have_their_names(module: str) -> None:
    theirs = importlib.import_module(f"databases{module}")
    ours = importlib.import_module(f"vivace.databases{module}")
    names = getattr(theirs, "__all__", None) or [
        name
        for name, value in vars(theirs).items()
        if not name.startswith("_") and getattr(value, "__module__", theirs.__name__) == theirs.__name__
    ]
    missing = {name for name in names if not inspect.ismodule(getattr(theirs, name)) and not hasattr(ours, name)}
    assert missing <= OTHER_INTERFACES | LOOKS


@pytest.mark.parametrize(("theirs", "ours", "name"), list(public_members()), ids=str)
def test_its_classes_have_their_members_with_their_parameters(theirs: type, ours: type, name: str) -> None:
    member, counterpart = inspect.getattr_static(theirs, name), inspect.getattr_static(ours, name)
    if isinstance(member, property):
        assert isinstance(counterpart, property) or not callable(counterpart)
    elif inspect.isfunction(member):
        check_parameters(getattr(theirs, name), getattr(ours, name))


@pytest.mark.parametrize("theirs", [databases.Database, databases.DatabaseURL])
def test_they_are_made_alike(theirs: type) -> None:
    check_parameters(theirs, getattr(vivace.databases, theirs.__name__))


def check_parameters(theirs: object, ours: object) -> None:
    """What may be passed to theirs, by place or by name, may be passed to ours."""
    accepted = inspect.signature(ours).parameters  # type: ignore[arg-type]
    for place, (name, parameter) in enumerate(inspect.signature(theirs).parameters.items()):  # type: ignore[arg-type]
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            takes_any = any(own.kind is inspect.Parameter.VAR_KEYWORD for own in accepted.values())
            # asyncpg's, of transaction()
            assert takes_any or {"isolation", "readonly", "deferrable"} <= accepted.keys()
            continue
        assert name in accepted
        assert accepted[name].kind is parameter.kind
        assert accepted[name].default == parameter.default
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            assert list(accepted)[place] == name


def test_every_scheme_is_served() -> None:
    schemes = {f"mysql{driver}" for driver in ("", "+asyncmy", "+aiomysql")}
    schemes |= {f"postgresql{driver}" for driver in ("", "+asyncpg", "+aiopg")}
    schemes |= {"postgres", "sqlite", "sqlite+aiosqlite", *databases.Database.SUPPORTED_BACKENDS}
    for scheme in schemes:
        assert vivace.databases.Database(f"{scheme}:///x").url.scheme == scheme


def test_a_driver_of_somebody_else_means_the_dialect() -> None:
    database = vivace.databases.Database("postgresql+psycopg2://localhost/x")
    assert database.dialect.name == "postgresql"


def test_a_record_is_what_rows_are() -> None:
    assert interfaces.Record is records.Record
