"""asyncmy's private names that we build on, and what we know of servers that are not here."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from asyncmy.errors import OperationalError as DriverError

from vivace.databases import Database, errors
from vivace.databases.backends.mysql.dialect import MySQLDialect
from vivace.databases.backends.mysql.translate import translated

pytestmark = pytest.mark.anyio


async def test_canary_for_asyncmys_private_names(mysql: Database) -> None:
    async with mysql.connection() as connection:
        raw = connection.raw_connection
        for name in (
            *("_execute_command", "_next_seq_id", "_proto", "_deprecate_eof", "_stream_broken", "_result", "_decoders"),
            *("_connected", "server_status", "server_capabilities", "read_packet", "next_result"),
        ):
            assert hasattr(raw, name), f"asyncmy's Connection has no {name} any more"
        statement = await raw.prepare("SELECT ?")
        assert isinstance(statement._statement_id, int)
        assert hasattr(statement, "_execute_cursor")
        for name in ("buffer", "pos", "length"):
            assert hasattr(raw._proto, name), f"asyncmy's protocol has no {name} any more"


@pytest.mark.parametrize(
    ("version", "is_mariadb", "returning"),
    [
        ("8.0.36", False, False),
        ("8.4.0-log", False, False),
        ("8.0.36-0ubuntu0.22.04.1", False, False),
        ("9.1.0", False, False),
        ("10.11.19-MariaDB-0+deb12u1", True, True),
        ("5.5.5-10.11.19-MariaDB", True, True),
        ("10.4.32-MariaDB", True, False),
        ("11.4.2-MariaDB-ubu2404", True, True),
    ],
)
def test_what_a_server_can_do_goes_by_its_version(version: str, is_mariadb: bool, returning: bool) -> None:
    dialect = MySQLDialect()
    dialect.learn_server(version)
    dialect.learn_server(version)
    assert (dialect.is_mariadb, bool(dialect.insert_returning)) == (is_mariadb, returning)
    table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    if returning:
        assert "RETURNING" in str(table.insert().returning(table.c.id).compile(dialect=dialect))


@pytest.mark.parametrize(
    ("number", "message", "kind", "shown"),
    [
        (1062, "Duplicate entry 'my' secret' for key 'users.email'", errors.IntegrityError, "Duplicate entry for key"),
        (3819, "Check constraint 'positive' is violated.", errors.IntegrityError, "positive"),
        (1366, "Incorrect integer value: 's' for column 'x' for column 'v' at row 1", errors.DataError, "column 'v'"),
        (1292, "Truncated incorrect DOUBLE value: 'secret", errors.DataError, "'…'"),
        (1690, "BIGINT value is out of range in '(secret + 1)'", errors.DataError, "out of range"),
        (3572, "Statement aborted because lock(s) could not be acquired", errors.OperationalError, "lock"),
        (3024, "Query execution was interrupted, maximum statement time exceeded", errors.OperationalError, "time"),
        (
            4031,
            "The client was disconnected by the server because of inactivity.",
            errors.ConnectionFailed,
            "inactivity",
        ),
        (1213, "Deadlock found when trying to get lock", errors.SerializationFailure, "Deadlock"),
    ],
)
def test_errors_in_the_words_of_both_servers(
    number: int, message: str, kind: type[errors.DatabaseError], shown: str
) -> None:
    ours = translated(DriverError(number, message), "SELECT 1")
    assert isinstance(ours, kind)
    assert shown in str(ours)
    assert "secret" not in str(ours)
    if number == 1062:
        assert isinstance(ours, errors.IntegrityError)
        assert ours.constraint == "email"
