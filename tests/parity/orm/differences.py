"""Where the two differ and should: each text with the databases, and why."""

from __future__ import annotations

from collections.abc import Iterable

from tests.parity.orm.expressions import BY_PK, B

SQLITE, POSTGRESQL, MYSQL = frozenset({"sqlite"}), frozenset({"postgresql"}), frozenset({"mysql"})
EVERYWHERE = SQLITE | POSTGRESQL | MYSQL


def _computed(model: str, expression: str) -> str:
    return f"{model}.objects.annotate(x={expression}).order_by('pk').values_list('pk', 'x')"


def _by_both(model: str, condition: str) -> list[str]:
    return [f"{model}.objects.{method}({condition}){BY_PK}" for method in ("filter", "exclude")]


def _gathered() -> Iterable[tuple[str, frozenset[str]]]:
    # Django's REGEXP BINARY has MariaDB match bytes: a letter with an accent is two.
    yield from ((text, MYSQL) for text in _by_both("Book", "title__regex='^.m'"))
    # Django's SQL names a column that is not there.
    united = "Book.objects.filter(pk__lt=9).union(Book.objects.filter(pk=20)).aggregate(n=Count('pk'))"
    yield united, EVERYWHERE - SQLITE
    # Where the database has XOR, Django forgets a side without conditions.
    yield "(Book.objects.all() ^ Book.objects.filter(pk=1)).count()", MYSQL
    # Django leaves it to the server, which takes no LIMIT in IN (…).
    yield f"{B}.filter(author__in=Author.objects.order_by('-pk')[:2].values('pk')).count()", MYSQL
    # Django's XOR of MariaDB is null for null.
    both = "Q(books__pages__gt=100) ^ Q(age__gt=0)"
    yield f"Author.objects.filter({both}).order_by('pk').values_list('pk', flat=True).distinct()", MYSQL
    # Django's Ord() of MariaDB is the number of the character's bytes, its Pi() has six digits.
    yield _computed("Book", "Ord('author__name')"), MYSQL
    yield _computed("Book", "Pi()"), MYSQL
    # Django gives texts for these, or fails on them.
    yield _computed("Book", "Value(dt.date(2026, 1, 1))"), MYSQL
    yield _computed("Book", "Value(dt.time(1, 2, 3))"), MYSQL
    yield _computed("Book", "Value(dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC))"), MYSQL
    yield _computed("Book", "Coalesce('sold', Value(dt.datetime(2020, 1, 1, tzinfo=dt.UTC)))"), MYSQL
    # A float and an integer are a float.
    rounded = "Func(F('rating'), Value(1), function='ROUND') if KIND != 'postgresql' else "
    yield _computed("Book", f"{rounded}Func(F('rating'), function='ROUND')"), SQLITE | MYSQL
    # Django's own functions for SQLite fail for a group without values.
    for name in ("StdDev", "Variance"):
        yield _computed("Author", f"{name}('books__rating')"), SQLITE
        yield _computed("Author", f"{name}('books__rating', sample=True)"), SQLITE
    # Django needs an extension for these; PostgreSQL can do them itself.
    for bits in (224, 256, 384, 512):
        yield _computed("Book", f"SHA{bits}('title')"), POSTGRESQL
    # A wrong value is a ValueError for every type of field, a wrong subquery a FieldError.
    yield "Book.objects.filter(sold='x').count()", EVERYWHERE
    yield "Book.objects.filter(author__in=Author.objects.values('pk', 'name')).count()", EVERYWHERE
    # Django's rows that have a number in the text of a key, not the number.
    yield "Item.objects.order_by('pk').values_list('data__a', flat=True)", SQLITE
    yield "Item.objects.order_by('pk').values('pk', 'data__a')", SQLITE
    # Django compares the JSON text of what range() is given.
    yield from ((text, SQLITE) for text in _by_both("Item", "data__b__c__1__range=(1, 3)"))
    # Django lets PostgreSQL refuse these.
    for condition in ("data__b__c__has_key=2", "data__a__exact=F('amount')"):
        yield from ((text, POSTGRESQL) for text in _by_both("Item", condition))
    yield from ((text, MYSQL) for text in _of_mariadbs_json())


def _of_mariadbs_json() -> Iterable[str]:
    # To MariaDB JSON is text: Django finds 1 where "1" is, and no object whose keys stand in another order.
    one_is_one = ("data__a=1", "data__a='1'", "data__a__in=[1, 5]", "data__a__in=['1']", "data__a__exact=F('amount')")
    for condition in (*one_is_one, "data={'b': {'c': [1, 2, {'d': 'x'}]}, 'a': 1}"):
        yield from _by_both("Item", condition)
    yield "Item.objects.annotate(x=F('data__a')).filter(x=1).order_by('pk').values_list('pk', flat=True)"
    yield "Item.objects.filter(data__a=1).order_by('data__a', 'pk').values_list('pk', flat=True)"
    yield "Item.objects.filter(Q(data__a=1) | Q(data__0=1)).order_by('pk').values_list('pk', flat=True)"
    yield "Item.objects.filter(~Q(data__a=1)).order_by('pk').values_list('pk', flat=True)"


DIFFERENT: dict[str, frozenset[str]] = {}
"""Of questions."""
for _text, _databases in _gathered():
    DIFFERENT[_text] = DIFFERENT.get(_text, frozenset()) | _databases

WRITTEN_DIFFERENTLY: dict[str, frozenset[str]] = {
    # What the database's own ON DELETE takes along is counted.
    "await Category.objects.filter(name='root').adelete()": SQLITE,
    # A wrong name is a FieldError.
    "await Book.objects.abulk_update([await Book.objects.aget(pk=1)], ['tags'])": EVERYWHERE,
    # Django counts a row of the proxy as one of its model's when it meets it from below, too.
    "await Starred.objects.filter(stars=3).adelete()": EVERYWHERE,
    # Django's UPDATE of two tables has an ORDER BY, which MariaDB refuses.
    "await Restaurant.objects.order_by('pk').aupdate(city=Upper('city'))": MYSQL,
    # Two mistakes; each names another first.
    "await Item.objects.abulk_create([Item(slug='q')], update_conflicts=True, update_fields=['id'], "
    "unique_fields=['slug'])": MYSQL,
}
"""Of programs."""
