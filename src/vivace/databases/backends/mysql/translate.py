"""The server's errors and asyncmy's, as the rest of the layer knows them. Messages lose the values they quote."""

from __future__ import annotations

import re

from asyncmy import errors as driver

from vivace.databases import errors

# Numbers: https://mariadb.com/kb/en/mariadb-error-code-reference/ and MySQL's error reference, which share them.
_LOST = frozenset({0, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2002, 2003, 2006, 2013, 2014, 4031})
# Deadlock, lock wait timeout, the row changed since it was read (MariaDB), a cluster's conflict.
_RETRYABLE = frozenset({1205, 1213, 1020, 3101})
# "Column 'x' cannot be null", "Field 'x' doesn't have a default value".
_WITHOUT_VALUE = frozenset({1048, 1364})
_FOREIGN_KEY = frozenset({1216, 1217, 1451, 1452, 1761, 1762})
_CHECK = frozenset({3819, 4025})
_DUPLICATE = frozenset({1022, 1062, 1169, 1557, 1586})
_INTEGRITY = _WITHOUT_VALUE | _FOREIGN_KEY | _CHECK | _DUPLICATE
# Out of range, too long, wrong for the column, truncated, division by zero, invalid JSON or geometry, packet too big.
_DATA = frozenset(
    {
        *(1153, 1264, 1265, 1292, 1365, 1366, 1367, 1406, 1411, 1416, 1441, 1690, 1977, 3140, 3141, 3156),
        *(4037, 4038),
    }
)
_PROGRAMMING = frozenset(
    {
        *(1007, 1008, 1044, 1045, 1046, 1049, 1050, 1051, 1054, 1064, 1109, 1136, 1142, 1143, 1146, 1193, 1227, 1305),
        *(1327, 1370, 1568, 1630),
    }
)
_NOT_SUPPORTED = frozenset({1235, 1286, 1295, 1289})

# The values that messages quote: `Incorrect integer value: 'secret' for column …`, `… out of range in '(1 + 2)'`.
_QUOTED_VALUE = re.compile(
    r"(?P<before>\bvalue: |\bentry |\bout of range in )'.*'(?P<after>(?: for (?:column|key|function) .*)?)$", re.DOTALL
)
_UNCLEAR_VALUE = re.compile(r"(?P<before>\bvalue: |\bentry |\bout of range in )'.*", re.DOTALL)
_DUPLICATE_KEY = re.compile(r"for key '(?P<key>[^']*)'\s*$")
_NAMED_COLUMN = re.compile(r"(?:Column|Field|column) '(?P<column>[^']*)'")
_CONSTRAINT = re.compile(r"CONSTRAINT `(?P<name>(?:[^`]|``)*)`", re.IGNORECASE)
_FOREIGN_COLUMNS = re.compile(r"FOREIGN KEY \((?P<columns>[^)]*)\)")
_VIOLATED = re.compile(r"Check constraint '(?P<name>[^']*)'")
_RETURNING = re.compile(r"\bRETURNING\b", re.IGNORECASE)


def number_of(error: BaseException) -> int | None:
    """The error's number; None when it is none of the server's nor the driver's."""
    if isinstance(error, driver.MySQLError) and error.args and isinstance(error.args[0], int):
        return error.args[0]
    return None


def is_lost(error: BaseException) -> bool:
    """Whether the connection cannot be used after `error`."""
    if isinstance(error, errors.DatabaseError):
        return isinstance(error, errors.ConnectionFailed)
    number = number_of(error)
    # Without a number: asyncmy has lost its place in the stream, or its parser has failed in the middle of an answer.
    return number is None or number in _LOST or number == 1153


def translated(error: BaseException, sql: str | None, *, is_mariadb: bool = True) -> errors.DatabaseError:
    """Our exception for `error`. Raise it `from error`."""
    if isinstance(error, errors.DatabaseError):
        if error.sql is None:
            error.sql = sql
        return error
    ours = _translated(error, sql, is_mariadb=is_mariadb)
    return errors.also_caught_as(ours, error) if isinstance(error, driver.MySQLError) else ours


def _translated(error: BaseException, sql: str | None, *, is_mariadb: bool) -> errors.DatabaseError:
    number = number_of(error)
    if number is None and not isinstance(error, (driver.MySQLError, OSError)):
        return errors.ConnectionFailed(
            f"The server's answer could not be read ({type(error).__name__}: was the session's character set changed?) "
            "and the connection was closed. The next statement connects anew",
            sql=sql,
        )
    if number is None or number in _LOST:
        return lost(sql, _shown(error) if number else None)
    message = _shown(error)
    if number in _INTEGRITY:
        return _integrity(number, str(error.args[1]), message, sql)
    if number == 1064 and not is_mariadb and sql is not None and _RETURNING.search(sql):
        return errors.NotSupportedError(
            "MySQL has no RETURNING (MariaDB has): run the INSERT, and take the key that execute() returns", sql=sql
        )
    return _kind_of(number, getattr(error, "sqlstate", None) or "")(message, sql=sql)


def _kind_of(number: int, state: str) -> type[errors.DatabaseError]:
    if number in _RETRYABLE or state.startswith("40"):
        return errors.SerializationFailure
    if number in _DATA:
        return errors.DataError
    if number in _PROGRAMMING:
        return errors.ProgrammingError
    if number in _NOT_SUPPORTED:
        return errors.NotSupportedError
    kinds: dict[str, type[errors.DatabaseError]] = {
        "0A": errors.NotSupportedError,
        "21": errors.ProgrammingError,
        "22": errors.DataError,
        "23": errors.IntegrityError,
        "42": errors.ProgrammingError,
    }
    return kinds.get(state[:2], errors.OperationalError)


def lost(sql: str | None, detail: str | None = None) -> errors.ConnectionFailed:
    """The connection broke under a statement."""
    return errors.ConnectionFailed(
        "The connection to MySQL was lost during this statement; whether it took effect is not known. "
        "The next statement connects anew" + (f" (MySQL: {detail})" if detail else ""),
        sql=sql,
    )


def _shown(error: BaseException) -> str:
    """The server's message without values."""
    message = str(error.args[1]) if len(error.args) > 1 else str(error)
    shown, found = _QUOTED_VALUE.subn(r"\g<before>'…'\g<after>", message)
    return shown if found else _UNCLEAR_VALUE.sub(r"\g<before>'…'", message)


def _integrity(number: int, told: str, message: str, sql: str | None) -> errors.IntegrityError:
    """`told` is what the server said, `message` the same without values."""
    constraint: str | None = None
    columns: list[str] = []
    if number in _DUPLICATE:
        match = _DUPLICATE_KEY.search(told)
        # MySQL 8 says `table.key`, MariaDB `key`.
        constraint = None if match is None else match["key"].rpartition(".")[2]
        message = "Duplicate entry" + (f" for key '{match['key']}'" if match is not None else "")
    elif number in _WITHOUT_VALUE:
        columns = [match["column"] for match in _NAMED_COLUMN.finditer(message)]
    else:
        match = _CONSTRAINT.search(message) or _VIOLATED.search(message)
        constraint = None if match is None else match["name"].replace("``", "`")
        if (of := _FOREIGN_COLUMNS.search(message)) is not None:
            columns = [column.strip().strip("`") for column in of["columns"].split(",")]
    return errors.IntegrityError(message, sql=sql, constraint=constraint, columns=columns)
