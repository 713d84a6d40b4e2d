"""The options of MySQL: names, aliases, values, TLS; and the page of the documentation that lists them."""

from __future__ import annotations

import ast
import re
import ssl
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from vivace.databases import Database, DatabaseURL
from vivace.databases.backends.mysql.options import STRICT, Options
from vivace.databases.errors import InterfaceError

PAGE = Path(__file__).parents[4] / "docs" / "databases" / "mysql.md"


def options(query: str = "", **keywords: Any) -> Options:
    return Options.of(DatabaseURL(f"mysql://localhost/x{query}"), keywords)


def test_the_names_of_others_are_taken() -> None:
    found = options("?pool_recycle=60&minsize=2&maxsize=3&timeout=1.5&unix_sock=/a.sock&ssl_mode=REQUIRED")
    assert (found.max_lifetime, found.min_size, found.max_size, found.connect_timeout) == (60.0, 2, 3, 1.5)
    assert (found.unix_socket, found.ssl, found.sql_mode) == ("/a.sock", "required", STRICT)
    assert options("?pool_recycle=-1").max_lifetime == float("inf")
    assert options("?charset=utf8").charset == "utf8mb4"
    assert options(autocommit=True, use_unicode=True, echo=False, local_infile=False) == options()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("min_sise=1", 'Did you mean "min_size"'),
        ("max_size=many", "is a number"),
        ("connect_timeout=0", "more than 0"),
        ("charset=gbk", "always utf8mb4|is utf8mb4"),
        ("ssl=maybe", "true, false or a word"),
        ("ssl=preferred", "unseen"),
        ("ssl_ca=/nowhere.pem", "only with ssl"),
        ("ssl=verify_ca&ssl_ca=/nowhere.pem", "cannot be used"),
        ("sql_mode=NO_BACKSLASH_ESCAPES", "not supported"),
        ("sql_mode=';DROP", "list of modes"),
        ("autocommit=false", "transaction"),
        ("local_infile=true", "LOAD DATA LOCAL"),
        ("read_default_file=~/.my.cnf", "URL"),
    ],
)
def test_wrong_options_are_explained(query: str, message: str) -> None:
    with pytest.raises(InterfaceError, match=message):
        Database(f"mysql://user:secret@localhost/x?{query}")


def test_words_for_tls() -> None:
    assert options().tls() is options("?ssl=false").tls() is options(ssl="DISABLED").tls() is None
    for value, verifies, hostname in (
        ("true", ssl.CERT_REQUIRED, True),
        ("verify-full", ssl.CERT_REQUIRED, True),
        ("VERIFY_CA", ssl.CERT_REQUIRED, False),
        ("require", ssl.CERT_NONE, False),
    ):
        context = options(f"?ssl={value}").tls()
        assert context is not None
        assert (context.verify_mode, context.check_hostname) == (verifies, hostname)
    own = ssl.create_default_context()
    assert options(ssl=own).tls() is own


def test_the_documentation_lists_every_option() -> None:
    text = PAGE.read_text()
    table = text[text.index("## Options") :]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    told = set(re.findall(r"`(\w+)`", "\n".join(rows)))
    assert told == {option.name for option in fields(Options)}


@pytest.mark.anyio
async def test_the_example_of_the_documentation_runs(mysql: Database) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    code = compile(example, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    await eval(code, {"MYSQL_URL": str(mysql.url)})
