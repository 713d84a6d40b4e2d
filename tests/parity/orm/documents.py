# ruff: noqa: E501 - one expression a line, however long
"""JSON documents: lookups by filter() and exclude(), keys as expressions."""

from __future__ import annotations

LOOKUPS = """
data=None | data__isnull=True | data__isnull=False | data={} | data={'a': 1} | data=[1, 'two', None, True] | data='text' | data=3.5
data={'b': {'c': [1, 2, {'d': 'x'}]}, 'a': 1} | data__a=1 | data__a='1' | data__a=True | data__a=None | data__b=None | data__b__c__0=1
data__b__c__2__d='x' | data__b__c=[] | data__0=1 | data__1='two' | data__2=None | data__a__isnull=True | data__a__isnull=False
data__b__isnull=True | data__zz__isnull=True | data__b__c__isnull=False | data__a__gt=0 | data__a__gte=1 | data__a__lt=2 | data__a__in=[1, 5]
data__a__in=['1'] | data__has_key='a' | data__has_key='é' | data__has_key='k k' | data__has_keys=['a', 'b'] | data__has_any_keys=['é', 'b']
data__b__has_key='c' | data__has_key='0' | data__b__c__has_key=2 | data__a__contains='1' | data__a__icontains='1' | data__a__startswith='1'
data__a__iexact='1' | data__a__regex='^1' | data__é='ü' | data__é__startswith='ü' | data__1__icontains='TW' | data__1__endswith='wo'
data__b__c__0__lte=1 | data__a__exact=F('amount') | data__in=[{}, [1]] | data__a=F('data__a') | data__b__c__1__range=(1, 3)
""".replace("\n", " | ")

CONTAINMENT = """
data__contains={'a': 1} | data__contains={} | data__contains=[1] | data__contains={'b': {'c': [1]}} | data__contained_by={'a': 1, 'b': 2}
data__contained_by={'a': 1, 'é': 'ü', 'k k': "q'", 'more': [1]} | data__b__contains={'c': []} | data__contains='text'
""".replace("\n", " | ")

QUERIES = """
Item.objects.order_by('pk').values_list('data', flat=True)
Item.objects.order_by('pk').values_list('data__a', flat=True)
Item.objects.order_by('pk').values_list('data__b__c', flat=True)
Item.objects.order_by('pk').values('pk', 'data__a')
Item.objects.annotate(x=F('data__b')).order_by('pk').values_list('x', flat=True)
Item.objects.annotate(x=F('data__a')).filter(x=1).order_by('pk').values_list('pk', flat=True)
Item.objects.annotate(x=KT('data__a')).order_by('pk').values_list('x', flat=True)
Item.objects.annotate(x=KT('data__b__c__2__d')).order_by('pk').values_list('x', flat=True)
Item.objects.annotate(x=KT('data__é')).filter(x__startswith='ü').order_by('pk').values_list('pk', flat=True)
Item.objects.filter(data__a=1).order_by('data__a', 'pk').values_list('pk', flat=True)
Item.objects.filter(Q(data__a=1) | Q(data__0=1)).order_by('pk').values_list('pk', flat=True)
Item.objects.filter(~Q(data__a=1)).order_by('pk').values_list('pk', flat=True)
Item.objects.filter(data=Value(None, JSONField())).order_by('pk').values_list('pk', flat=True)
Item.objects.annotate(x=JSONObject(slug='slug', n=F('amount') + 1)).order_by('pk').values_list('x', flat=True)
Item.objects.annotate(x=JSONObject(a=Value('x'), b=JSONObject(c='note'))).order_by('pk').values_list('x', flat=True)
Item.objects.annotate(x=JSONArray('slug', 'amount')).order_by('pk').values_list('x', flat=True)
Item.objects.filter(data__a__in=Item.objects.filter(pk=3).values('data__a')).order_by('pk').values_list('pk', flat=True)
Item.objects.aggregate(n=Count('data'), m=Count('data__a'))
""".strip().splitlines()


def queries(kind: str) -> list[str]:
    # SQLite has no containment.
    lookups = LOOKUPS if kind == "sqlite" else f"{LOOKUPS} | {CONTAINMENT}"
    conditions = [text.strip() for text in lookups.split(" | ") if text.strip()]
    by_pk = ".order_by('pk').values_list('pk', flat=True)"
    return [
        f"Item.objects.{method}({each}){by_pk}" for method in ("filter", "exclude") for each in conditions
    ] + QUERIES
