"""Where the two differ and should: each text with the databases, and why."""

from __future__ import annotations

from tests.parity.orm.expressions import BY_PK, B

EVERYWHERE = frozenset({"sqlite", "postgresql", "mysql"})
MYSQL = frozenset({"mysql"})

DIFFERENT: dict[str, frozenset[str]] = {
    # Django's REGEXP BINARY has MariaDB match bytes: a letter with an accent is two.
    f"{B}.filter(title__regex='^.m'){BY_PK}": MYSQL,
    f"{B}.exclude(title__regex='^.m'){BY_PK}": MYSQL,
    # Django's SQL names a column that is not there.
    "Book.objects.filter(pk__lt=9).union(Book.objects.filter(pk=20)).aggregate(n=Count('pk'))": EVERYWHERE - {"sqlite"},
    # Where the database has XOR, Django forgets a side without conditions.
    "(Book.objects.all() ^ Book.objects.filter(pk=1)).count()": MYSQL,
    # Django leaves it to the server, which takes no LIMIT in IN (…).
    f"{B}.filter(author__in=Author.objects.order_by('-pk')[:2].values('pk')).count()": MYSQL,
}
