# ruff: noqa: E501 - one expression a line, however long
"""What is asked of Django and of Vivace: lookups and conditions for filter() and exclude(), and whole queries."""

from __future__ import annotations

B = "Book.objects"
BY_PK = ".order_by('pk').values_list('pk', flat=True)"

LOOKUPS = """
title='Émile' | title__exact='' | title__iexact='emile' | title__iexact='EMILE' | subtitle=None | subtitle__iexact=None
title__contains='é' | title__contains='%' | title__contains='_' | title__contains='\\\\' | title__contains="'"
title__icontains='MIL' | title__icontains='' | title__startswith='a' | title__startswith='É' | title__istartswith='A'
title__endswith='e' | title__iendswith='E' | title__in=['a_b', '', None] | title__in=[] | title__regex='^.m' | title__iregex='^e'
title__gt='a' | title__lte='a' | title__range=('A', 'b') | subtitle__isnull=True | subtitle__isnull=False
pages=0 | pages=2**62 | pages__gt=0 | pages__gte=0.5 | pages__lt=0.5 | pages__lte=-7 | pages__in=[0, 1, '300'] | pages__range=(-7, 1)
pages__contains=3 | pages__startswith='-' | price=Decimal('9.99') | price='9.99' | price__gt=0 | price__lt=Decimal('-5')
price__in=[Decimal('9.99'), 0] | price__isnull=True | price__range=(0, 10) | rating=4.75 | rating__gt=0 | rating__lte=-1.25
rating__isnull=False | done=True | done=False | done__in=[True] | sold__isnull=True | sold__lt=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
sold=dt.datetime(2026, 3, 29, 1, 0, 0, 1, dt.UTC) | sold__year=2026 | sold__year=2024 | sold__year__gt=2024 | sold__year__gte=2026
sold__year__lt=2025 | sold__year__lte=2025 | sold__year__in=[2024, 2026] | sold__month=3 | sold__day=29 | sold__month__gte=10
sold__hour=0 | sold__minute=59 | sold__second=59 | sold__date=dt.date(2026, 3, 29) | sold__date__gt=dt.date(2025, 1, 1)
sold__time__gte=dt.time(1, 0) | sold__week=13 | sold__week=1 | sold__week_day=1 | sold__iso_week_day=7 | sold__quarter=4
author__name='Ann' | author__name__startswith='Ż' | author__age=None | author__age__gt=0 | author__age__isnull=True
author=1 | author_id=1 | author__id=1 | author__pk=2 | author__in=[1, 3] | author__pk__in=[4] | author__born__year=2000
author__born__month=2 | author__born=dt.date(2000, 2, 29) | author__born__lt=dt.date(2000, 1, 1) | author__born__isnull=True
editor=None | editor__isnull=True | editor__isnull=False | editor__name='Ann' | editor__name=None | editor__age__lt=0
editor__age__isnull=True | tags=1 | tags__name='red' | tags__name__in=['red', 'blue'] | tags__isnull=True | tags__isnull=False
tags=None | tags__pk__gt=2 | author__books__pages=300 | author__edited__title='a_b' | editor__books__tags__name='blue'
author__name=F('editor__name') | pages__gt=F('author__age') | pages=F('pages') + 0 | rating__lt=F('pages') * 2 | title=F('subtitle')
author__in=Author.objects.filter(age__gt=0) | author__in=Author.objects.none() | pk__in=Book.objects.filter(done=True)
pages__in=Book.objects.filter(done=True).values('pages') | author__name__in=Author.objects.filter(age=0).values_list('name')
title=Lower(Value('A_B')) | title__contains=F('author__name') | pk=0 | pk__lt=0 | pk=None
""".replace("\n", " | ")

CONDITIONS = """
Q(done=True) | Q(pages=0)
Q(done=True) & Q(pages=0)
Q(done=True) ^ Q(pages=0)
Q(done=True) ^ Q(pages=0) ^ Q(author=1)
~Q(subtitle='') & ~Q(price=None)
~(Q(subtitle='a_b') | Q(price__gt=5))
~(Q(subtitle='a_b') & Q(price__gt=5))
~Q(~Q(rating__gt=1))
Q(tags__name='red') | Q(editor__name='Ann')
~Q(tags__name='red') | Q(done=False)
~(Q(tags__name='red') & Q(tags__name='blue'))
Q(author__name='Ann') & (Q(editor=None) | ~Q(editor__age=40))
~Q(editor__name='Ann')
~Q(editor__age__gt=10)
~Q(editor__books__title='a_b')
~Q(author__edited__tags__name='blue')
Q()
~Q(pk__in=[])
Q(pk__in=[]) | Q(done=True)
Q(rating__gt=F('author__age')) | Q(pages__lt=0)
~Q(title=F('subtitle'))
~Q(pages__gt=F('author__age'))
Q(Exists(Book.objects.filter(author=OuterRef('editor'))))
~Exists(Tag.objects.filter(books=OuterRef('pk')))
""".strip().splitlines()

QUERIES = """
Book.objects.count()
Book.objects.filter(tags__name='red').count()
Book.objects.filter(tags__name='red').distinct().count()
Book.objects.filter(tags__name='red').distinct().order_by('pk').values_list('pk', flat=True)
Book.objects.filter(tags__name='red').filter(tags__name='blue').order_by('pk').values_list('pk', flat=True)
Book.objects.filter(tags__name='red', tags__pk=3).order_by('pk').values_list('pk', flat=True)
Book.objects.order_by('title', 'pk').values_list('pk', flat=True)
Book.objects.order_by('-author__name', '-pk').values_list('pk', flat=True)
Book.objects.order_by('author', 'pk').values_list('pk', flat=True)
Book.objects.order_by('tags', 'pk').values_list('pk', 'tags')
Book.objects.order_by(F('price').asc(nulls_last=True), 'pk').values_list('pk', flat=True)
Book.objects.order_by(F('price').desc(nulls_first=True), '-pk').values_list('pk', flat=True)
Book.objects.order_by('pages', 'pk').reverse().values_list('pk', flat=True)
Book.objects.order_by('pk')[5:10].values_list('pk', flat=True)
Book.objects.order_by('pk')[5:10][2:]
Book.objects.order_by('pk')[:0]
Book.objects.order_by('pk')[28:40].count()
Book.objects.order_by('pk')[3:9].aggregate(n=Count('pk'), total=Sum('rating'))
Book.objects.filter(pk=3).exists()
Book.objects.filter(pk=-3).exists()
Book.objects.order_by('pk')[29:].exists()
Tag.objects.order_by('-name', 'pk').values_list('name', 'pk')
Tag.objects.order_by().values_list('name', flat=True).distinct().order_by('name')
Tag.objects.reverse().values_list('name', flat=True).distinct()
Book.objects.values_list('done').distinct().order_by('done')
Book.objects.order_by('pk').values('pk', 'author__name', 'editor__name')
Book.objects.order_by('pk').values()
Book.objects.order_by('pk').values_list('price', 'rating', 'sold', 'pages')
Book.objects.order_by('pk').values('sold__year', 'sold__date', 'sold__hour')
Book.objects.order_by('pk', 'tags__name').values_list('pk', 'tags__name')
Book.objects.order_by('pk').values_list('author', 'editor_id', 'author__pk')
Book.objects.select_related('author', 'editor').order_by('pk')
Book.objects.aggregate(Count('pk'), Sum('rating'), Avg('rating'), Min('rating'), Max('rating'))
Book.objects.aggregate(Count('price'), Sum('price'), Avg('price'), Min('price'), Max('price'))
Book.objects.filter(pages__lt=1000).aggregate(Sum('pages'), Avg('pages'), Min('pages'), Max('pages'))
Book.objects.aggregate(Count('subtitle', distinct=True), Min('sold'), Max('sold'), Min('title'), Max('title'))
Book.objects.aggregate(n=Count('*'), red=Count('tags', filter=Q(tags__name='red')), t=Count('tags'), a=Count('author', distinct=True))
Book.objects.filter(pk=-1).aggregate(n=Count('pk'), s=Sum('pages'), d=Sum('pages', default=0), m=Max('sold'))
Book.objects.aggregate(x=Sum(F('rating') * 2), y=Avg(F('rating') + F('author__age')))
Book.objects.aggregate(x=Sum('author__age'), y=Max('tags__name'))
Author.objects.annotate(n=Count('books')).order_by('pk').values_list('name', 'n')
Author.objects.annotate(n=Count('books')).filter(n__gt=7).order_by('pk').values_list('pk', 'n')
Author.objects.annotate(n=Count('books')).exclude(n__gt=7).order_by('pk').values_list('pk', flat=True)
Author.objects.annotate(n=Count('books', distinct=True), e=Count('edited', distinct=True)).order_by('pk').values_list('n', 'e')
Author.objects.annotate(n=Count('books'), e=Count('edited')).order_by('pk').values_list('n', 'e')
Author.objects.annotate(n=Count('books', filter=Q(books__done=True))).order_by('pk').values_list('n', flat=True)
Author.objects.annotate(m=Max('books__sold'), p=Sum('books__price')).order_by('pk').values_list('m', 'p')
Author.objects.filter(books__done=True).annotate(n=Count('books')).order_by('pk').values_list('n', flat=True)
Author.objects.annotate(n=Count('books')).filter(books__done=True).order_by('pk').values_list('pk', 'n')
Author.objects.annotate(n=Count('books')).filter(Q(n__gt=7) | Q(name='Nobody')).order_by('pk').values_list('pk', flat=True)
Author.objects.annotate(n=Count('books')).filter(n__gt=F('age')).order_by('pk').values_list('pk', flat=True)
Author.objects.annotate(n=Count('books')).aggregate(Max('n'), Avg('n'), Sum('n'))
Author.objects.annotate(n=Count('books')).count()
Author.objects.annotate(n=Count('books')).filter(n=0).count()
Author.objects.annotate(n=Count('books')).filter(n=0).exists()
Author.objects.values('name').annotate(n=Count('books')).order_by('name')
Author.objects.values('name').annotate(n=Count('pk')).filter(n__gt=1)
Author.objects.values('name').annotate(n=Count('pk')).count()
Book.objects.values('author').annotate(s=Sum('rating'), m=Min('sold')).order_by('author')
Book.objects.values('author__name', 'done').annotate(n=Count('pk')).order_by('author__name', 'done')
Book.objects.values_list('sold__year').annotate(n=Count('pk')).order_by('sold__year')
Book.objects.values('tags__name').annotate(n=Count('pk')).order_by('tags__name')
Tag.objects.annotate(n=Count('books')).order_by('-name', 'n').values_list('name', 'n')
Tag.objects.annotate(n=Count('books')).order_by('-n', 'pk').values_list('pk', 'n')
Book.objects.annotate(n=Count('tags')).order_by('-n', 'pk').values_list('pk', 'n')
Book.objects.annotate(n=Count('tags')).select_related('author').order_by('pk')
Book.objects.annotate(n=Count('tags')).order_by('author__name', 'pk').values_list('pk', 'n', 'author__name')
Book.objects.annotate(x=F('author__name')).filter(x='Ann').order_by('pk').values_list('pk', 'x')
Book.objects.annotate(x=F('rating') * 2 + 1).order_by('pk').values_list('x', flat=True)
Book.objects.filter(pages__lt=1000).annotate(x=F('pages') / 2, y=F('pages') - (F('pages') - 3)).order_by('pk').values_list('x', 'y')
Book.objects.filter(pages__gt=0, pages__lt=1000).annotate(x=F('pages') % 7).order_by('pk').values_list('x', flat=True)
Book.objects.annotate(x=Value('v'), y=Value(3)).order_by('pk').values_list('x', 'y')[:2]
Book.objects.annotate(x=Length('title')).order_by('x', 'pk').values_list('x', flat=True)
Book.objects.annotate(x=Lower('title'), y=Upper('title')).order_by('pk').values_list('x', 'y')
Book.objects.annotate(x=Concat('title', Value('/'), 'author__name')).order_by('pk').values_list('x', flat=True)
Book.objects.annotate(x=Concat('title', 'subtitle')).order_by('pk').values_list('x', flat=True)
Book.objects.annotate(x=Coalesce('subtitle', 'title')).order_by('pk').values_list('x', flat=True)
Book.objects.annotate(x=Coalesce('rating', Value(0.0))).filter(x=0).order_by('pk').values_list('pk', flat=True)
Book.objects.annotate(x=Coalesce('price', Value(Decimal('1.50')))).filter(x=Decimal('1.5')).order_by('pk').values_list('pk', flat=True)
Book.objects.annotate(x=Greatest('title', 'author__name'), y=Least('title', 'author__name')).order_by('pk').values_list('x', 'y')
Book.objects.annotate(x=NullIf('title', Value(''))).filter(x=None).order_by('pk').values_list('pk', flat=True)
Book.objects.annotate(x=Substr('title', 2, 3)).order_by('pk').values_list('x', flat=True)
Book.objects.annotate(x=Trim('title')).filter(x='').order_by('pk').values_list('pk', flat=True)
Book.objects.annotate(x=Replace('title', Value('a'), Value('b'))).order_by('pk').values_list('x', flat=True)
Book.objects.annotate(x=Abs('rating')).order_by('x', 'pk').values_list('pk', flat=True)
Book.objects.annotate(x=Case(When(pages__lt=0, then=Value('neg')), When(pages=0, then=Value('zero')), default=Value('pos'))).order_by('pk').values_list('x', flat=True)
Book.objects.annotate(x=Case(When(Q(done=True) & ~Q(editor=None), then=F('editor__name')))).order_by('pk').values_list('x', flat=True)
Book.objects.alias(x=F('rating') + 1).filter(x__gt=2).order_by('x', 'pk').values_list('pk', flat=True)
Book.objects.alias(n=Count('tags')).filter(n=2).order_by('pk').values_list('pk', flat=True)
Author.objects.annotate(x=Subquery(Book.objects.filter(author=OuterRef('pk')).order_by('-pk').values('title')[:1])).order_by('pk').values_list('x', flat=True)
Author.objects.annotate(x=Exists(Book.objects.filter(editor=OuterRef('pk'), done=True))).order_by('pk').values_list('x', flat=True)
Author.objects.filter(Exists(Book.objects.filter(author=OuterRef('pk'), pages__gt=OuterRef('age')))).order_by('pk').values_list('pk', flat=True)
Book.objects.order_by('pk').first()
Book.objects.first()
Book.objects.last()
Book.objects.order_by('title', '-pk').last()
Book.objects.filter(pk=-1).first()
Book.objects.exclude(sold=None).latest('sold', 'pk')
Book.objects.exclude(sold=None).earliest('sold', 'pk')
Book.objects.in_bulk([1, 2, 99])
Book.objects.get(pk=7)
Book.objects.only('title').order_by('pk').values_list('pk', flat=True)
Book.objects.none().count()
Book.objects.none().aggregate(n=Count('pk'), s=Sum('pages'))
Book.objects.filter(author__in=Author.objects.order_by('-pk')[:2].values('pk')).count()
Book.objects.order_by('pk').filter(tags__books__title='a_b').distinct().values_list('pk', flat=True)
Author.objects.filter(books__tags__name='red', books__done=True).distinct().order_by('pk').values_list('pk', flat=True)
Author.objects.filter(books__tags__name='red').filter(books__done=True).distinct().order_by('pk').values_list('pk', flat=True)
Author.objects.exclude(books__done=True).order_by('pk').values_list('pk', flat=True)
Author.objects.exclude(books__tags__name='blue', books__done=True).order_by('pk').values_list('pk', flat=True)
Author.objects.exclude(edited__isnull=True).order_by('pk').values_list('pk', flat=True).distinct()
Author.objects.filter(edited=None).order_by('pk').values_list('pk', flat=True)
Author.objects.order_by('books__title', 'pk').values_list('pk', flat=True)
Book.objects.filter(title='a_b').annotate(n=Count('tags')).filter(n__gte=1).order_by('pk').values('pk', 'n', 'title')
""".strip().splitlines()


def expressions() -> list[str]:
    lookups = [text.strip() for text in LOOKUPS.split(" | ") if text.strip()]
    conditions = [*lookups, *CONDITIONS]
    return [
        *(f"{B}.filter({condition}){BY_PK}" for condition in conditions),
        *(f"{B}.exclude({condition}){BY_PK}" for condition in conditions),
        *QUERIES,
    ]
