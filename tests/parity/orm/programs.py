# ruff: noqa: E501 - one statement a line, however long
"""Programs that write, in the async names that both worlds know. The last line of each is its result."""

from __future__ import annotations

PROGRAMS = """
a = await Author.objects.acreate(name='New', age=3)
(a, a.name, a.age, a.born)

a = Author(name='New')
await a.asave()
a.pk is not None

a = Author(name='New', born=dt.date(2024, 2, 29))
await a.asave()
a.name = 'Newer'
await a.asave()
await Author.objects.aget(pk=a.pk)

a = await Author.objects.aget(pk=1)
a.name, a.age = 'changed', None
await a.asave(update_fields=['name'])
(await Author.objects.aget(pk=1)).age

a = await Author.objects.aget(pk=1)
a.age = F('age') + 1
await a.asave()
await a.arefresh_from_db()
a.age

a = await Author.objects.aget(pk=1)
a.pk = None
a._state.adding = True
await a.asave()
await Author.objects.filter(name='Ann').acount()

a = Author(pk=1, name='overwritten')
await a.asave()
await Author.objects.acount()

a = Author(pk=777, name='own key')
await a.asave()
await Author.objects.acount()

a = Author(pk=1, name='twice')
await a.asave(force_insert=True)
None

a = Author(pk=999, name='nobody')
await a.asave(force_update=True)
None

a = Author(pk=999, name='nobody')
await a.asave(update_fields=['name'])
None

a = Author(name='x')
await a.asave(force_insert=True, force_update=True)
None

a = await Author.objects.aget(pk=1)
await a.asave(update_fields=['nam'])
None

a = await Author.objects.aget(pk=1)
await a.asave(update_fields=[])
a.name

a = await Author.objects.aget(pk=2)
a.name = 'x'
await a.arefresh_from_db()
a.name

a = await Author.objects.aget(pk=2)
await Author.objects.filter(pk=2).aupdate(age=5, name='y')
await a.arefresh_from_db(fields=['age'])
(a.name, a.age)

a = await Author.objects.only('name').aget(pk=1)
a.name = 'partly'
await a.asave()
await Author.objects.filter(pk=1).values_list('name', 'age').aget()

a = await Author.objects.defer('born').aget(pk=1)
a.age = 77
await a.asave()
await Author.objects.filter(pk=1).values_list('age', 'born').aget()

b = await Book.objects.acreate(title='B', author_id=1, price='3.50', rating='2.5', lasts=dt.timedelta(minutes=-1))
await Book.objects.filter(pk=b.pk).values_list('price', 'rating', 'lasts', 'sold', 'pages', 'done').aget()

b = await Book.objects.acreate(title='B', author=await Author.objects.aget(pk=2), sold=dt.datetime(2026, 3, 29, 2, 30, tzinfo=dt.timezone(dt.timedelta(hours=2))))
(await Book.objects.aget(pk=b.pk)).sold

await Book.objects.acreate(title='no author')

await Book.objects.acreate(title='B', author_id=1, colour='red')

await Book.objects.acreate(title=None, author_id=1)

await Book.objects.acreate(title='B', author=Author(name='unsaved'))

await Book.objects.acreate(title='B', author_id=1, pages='many')

await Item.objects.acreate(slug='i-1')

await Item.objects.acreate(slug='new', data={'a': [1, None, 'ü'], 'b': {'c': 1.5}})
await Item.objects.filter(slug='new').values_list('data', 'amount', 'note').aget()

await Item.objects.acreate(slug='n1', data=None)
await Item.objects.filter(data__isnull=True).order_by('slug').values_list('slug', flat=True).acount()

s = await Store.objects.acreate(name='S', opens=dt.time(7, 0, 0, 5), code=uuid.UUID(int=2**100))
await Store.objects.filter(pk=s.pk).values_list('opens', 'code').aget()

await Book.objects.filter(done=True).aupdate(pages=5)

await Book.objects.aupdate(title='same')

await Book.objects.filter(pk__lt=5).aupdate(rating=F('rating') * 2, title=Upper('title'))

await Book.objects.filter(pk__lt=5).aupdate(title=Concat('title', Value('!')), subtitle=None)

await Book.objects.filter(author__name='Ann').aupdate(done=False)

await Book.objects.filter(tags__name='red').aupdate(price=Decimal('1.00'))

await Book.objects.filter(tags__name='red').distinct().aupdate(price=Decimal('2.00'))

await Book.objects.exclude(tags__name='red').aupdate(price=None)

await Book.objects.filter(pk=1).aupdate(author=2, editor=None)

await Book.objects.filter(pk=1).aupdate(author=await Author.objects.aget(pk=3))

await Book.objects.filter(pk=1).aupdate(author_id=4)

await Book.objects.filter(pk__lte=6).aupdate(title=Case(When(done=True, then=Value('even')), default=Value('odd')))

await Book.objects.filter(pk__lte=6).aupdate(title=Subquery(Author.objects.filter(pk=OuterRef('author')).values('name')[:1]))

await Author.objects.aupdate(age=Subquery(Book.objects.filter(author=OuterRef('pk')).order_by().values('author').annotate(n=Count('pk')).values('n')))

await Book.objects.filter(Exists(Tag.objects.filter(books=OuterRef('pk'), name='blue'))).aupdate(rating=None)

await Book.objects.annotate(n=Count('tags')).filter(n__gt=1).aupdate(pages=1)

await Book.objects.filter(pk__in=[1, 2, 3]).aupdate(sold=dt.datetime(2020, 2, 29, 12, tzinfo=dt.UTC), lasts=dt.timedelta(days=400))

await Book.objects.filter(pk__in=[1, 3]).aupdate(sold=F('sold') + dt.timedelta(days=1))

await Book.objects.filter(tags__name='red').aupdate(pages=F('pages') + 1)

await Book.objects.filter(tags__name='red', tags__pk__gt=0).aupdate(title=Case(When(done=True, then=Value('yes')), default=F('title')))

await Book.objects.filter(tags__name='red').exclude(author__name='Ann').aupdate(pages=7)

await Book.objects.exclude(tags__name='red').exclude(author__books__done=True).aupdate(pages=7)

await Book.objects.filter(Q(tags__name='red') | Q(author__name='Ann')).aupdate(pages=F('pages') * 2)

await Book.objects.filter(Q(tags__name='red') | ~Q(stores__name='North')).aupdate(pages=3)

await Book.objects.filter(Q(tags__name='red') & ~Q(editor__name='Ann')).distinct().aupdate(pages=3)

await Book.objects.filter(author__books__tags__name='red').aupdate(pages=3)

await Book.objects.filter(tags__name='red').order_by('author__name').aupdate(pages=3)

await Book.objects.filter(tags__name='red').select_related('author').aupdate(pages=3)

await Book.objects.filter(tags__name='red').annotate(n=Count('stores')).filter(n__gt=0).aupdate(pages=3)

await Book.objects.annotate(n=Count('tags')).aupdate(pages=F('n'))

await Book.objects.annotate(n=Count('tags')).aupdate(pages=3)

await Book.objects.annotate(big=F('pages') * 2).filter(tags__name='red').aupdate(pages=F('big'))

await Book.objects.annotate(name=F('author__name')).filter(name='Ann').aupdate(pages=3)

await Book.objects.filter(tags__name='red')[:2].aupdate(pages=1)

await Book.objects.distinct()[:2].aupdate(pages=1)

await Book.objects.filter(tags__name='red').distinct()[1:].aupdate(pages=1)

await Book.objects.distinct('author').aupdate(pages=1) if KIND == 'postgresql' else None

await Book.objects.distinct('author').order_by('author', 'pk').aupdate(pages=1) if KIND == 'postgresql' else None

await Book.objects.values('done').aupdate(pages=1)

await Book.objects.values_list('pk', flat=True).filter(tags__name='red').aupdate(pages=1)

await Book.objects.values('done').annotate(n=Count('pk')).aupdate(pages=1)

await Stock.objects.filter(book__tags__name='red', store__name='North').aupdate(amount=F('amount') + 1)

await Book.objects.filter(pk__in=Book.objects.filter(tags__name='red').values('pk')).aupdate(pages=2)

await Book.objects.filter(author__age=Subquery(Author.objects.order_by().values('pk')[:1])).aupdate(pages=2)

await Book.objects.filter(author__age__gt=F('pages')).aupdate(pages=2)

await Book.objects.filter(Exists(Book.objects.filter(author=OuterRef('author'), pk__gt=OuterRef('pk')))).aupdate(pages=2)

await Book.objects.filter(Exists(Tag.objects.filter(books=OuterRef('pk'))), tags__name='red').aupdate(pages=2)

await Category.objects.filter(parent__parent__name='root').aupdate(name='x')

await Category.objects.filter(children__name='leaf').aupdate(name='x')

await Category.objects.filter(children__isnull=True).aupdate(name='x')

await Book.objects.annotate(r=FilteredRelation('tags', condition=Q(tags__name='red'))).filter(r__name='red').aupdate(pages=2)

await Book.objects.filter(pk__lt=4).union(Book.objects.filter(pk=9)).aupdate(pages=1)

await Book.objects.filter(pages__gt=Subquery(Book.objects.order_by().values('done').annotate(a=Avg('pages')).values('a')[:1])).aupdate(pages=0)

await Book.objects.alias(n=Count('tags')).exclude(n=0).aupdate(pages=F('pages') + 1)

await (Book.objects.filter(tags__name='red') | Book.objects.filter(tags__name='blue')).aupdate(pages=8)

await Book.objects.annotate(n=Count('tags'), m=Count('stores')).filter(n__gt=1).aupdate(pages=3)

await Book.objects.values('done').annotate(n=Count('tags')).filter(n__gt=1).aupdate(pages=3)

await Book.objects.values('done').annotate(n=Count('tags')).aupdate(pages=3)

await Stock.objects.annotate(n=F('book__author__name')).order_by('n').aupdate(amount=5)

await Book.objects.filter(pk=-1).aupdate(pages=1)

await Book.objects.none().aupdate(pages=1)

await Book.objects.filter(pk=1).aupdate(tags=1)

await Book.objects.filter(pk=1).aupdate(titel='x')

await Book.objects.order_by('pk')[:2].aupdate(pages=1)

await Book.objects.filter(pk=1).aupdate(price=F('rating') + 1)

await Book.objects.filter(pk=1).aupdate(pages=None)

await Item.objects.filter(slug='i-2').aupdate(data={'x': None})

await Item.objects.filter(slug='i-2').aupdate(data=None)

await Item.objects.filter(amount__gt=1).aupdate(slug=Concat('slug', Value('-'), 'amount', output_field=CharField()))

await Item.objects.order_by('-pk').filter(slug='i-2').aupdate(amount=9)

await Book.objects.filter(pages=0).adelete()

await Book.objects.filter(stores=None).adelete()

await Book.objects.filter(stores__isnull=False).adelete()

await Book.objects.filter(tags__name='red').adelete()

await Book.objects.filter(tags__name='red').distinct().adelete()

await Book.objects.exclude(tags__name='red').adelete()

await Book.objects.filter(Q(tags__name='red') | Q(author__name='Ann')).adelete()

await Book.objects.filter(stores__name='North', tags__name='blue').adelete()

await Book.objects.annotate(n=Count('tags')).filter(n=0).adelete()

await Book.objects.annotate(n=Count('tags')).filter(n__gt=1).distinct().adelete()

await Tag.objects.filter(books__author__name='Ann').adelete()

await Tag.objects.exclude(books__author__name='Ann').adelete()

await Stock.objects.filter(book__tags__name='red').adelete()

await Stock.objects.filter(Q(book__author__name='Ann') | Q(store__name='North')).adelete()

await Stock.objects.exclude(book__tags__name='red').adelete()

await Stock.objects.filter(book__tags__name='red').distinct().adelete()

await Stock.objects.select_related('book').order_by('book__title').adelete()

await Stock.objects.annotate(t=F('book__title')).adelete()

await Stock.objects.annotate(t=Count('book__tags')).filter(t__gt=0).adelete()

await Stock.objects.distinct('book').adelete() if KIND == 'postgresql' else None

await Stock.objects.distinct().adelete()

await Stock.objects.values('book').distinct().adelete()

await Stock.objects.values_list('pk').adelete()

await Stock.objects.all()[:1].adelete()

await Book.objects.filter(pk__in=Book.objects.filter(tags__name='red')).adelete()

await Book.objects.filter(Exists(Book.objects.filter(author=OuterRef('author'), pk__gt=OuterRef('pk')))).adelete()

await Category.objects.filter(children__isnull=True).adelete()

await Book.objects.annotate(r=FilteredRelation('tags', condition=Q(tags__name='red'))).filter(r=None).adelete()

await Book.objects.filter(pk__lt=4).union(Book.objects.filter(pk=9)).adelete()

await Book.objects.annotate(n=Count('tags')).order_by('-n').adelete()

await Stock.objects.annotate(n=Count('book__tags')).order_by('-n').adelete()

await (Stock.objects.filter(book__tags__name='red') & Stock.objects.filter(store__name='North')).adelete()

await Book.objects.filter(tags__name='red').annotate(n=Count('stores')).adelete()

await Stock.objects.annotate(n=F('book__author__name')).filter(n='Ann').adelete()

await Author.objects.filter(pk=5).adelete()

await Author.objects.filter(pk=1).adelete()

await Author.objects.all().adelete()

await Store.objects.filter(name='Empty').adelete()

await Store.objects.filter(name='North').adelete()

await Tag.objects.filter(name='red').adelete()

await Tag.objects.all().adelete()

await Category.objects.filter(name='root').adelete()

await Category.objects.filter(name='leaf').adelete()

await Profile.objects.filter(author__name='Ann').adelete()

await Book.objects.filter(pk=-1).adelete()

await Book.objects.none().adelete()

await Book.objects.all()[:3].adelete()

await Book.objects.values('pk').adelete()

await Book.objects.distinct('author').adelete() if KIND == 'postgresql' else None

a = await Author.objects.aget(pk=3)
result = await a.adelete()
(result, a.pk)

await Author(name='x').adelete()

b = await Book.objects.aget(pk=9)
await b.adelete()

(await Store.objects.aget(pk=1)).name
await (await Store.objects.aget(pk=1)).adelete()

found, created = await Item.objects.aget_or_create(slug='i-1', defaults={'amount': 50})
(found, created, found.amount)

found, created = await Item.objects.aget_or_create(slug='fresh', defaults={'amount': 50, 'note': 'n'})
(found, created, found.amount)

found, created = await Item.objects.aget_or_create(slug__iexact='I-1', defaults={'slug': 'other'})
(found, created)

found, created = await Item.objects.aget_or_create(slug='c', defaults={'amount': lambda: 4})
(created, found.amount)

await Item.objects.aget_or_create(amount=1)

await Item.objects.aget_or_create(slug='zz', defaults={'colour': 1})

found, created = await Item.objects.aupdate_or_create(slug='i-1', defaults={'amount': 50})
(found, created, found.amount)

found, created = await Item.objects.aupdate_or_create(slug='fresh', defaults={'amount': 50})
(created, found.amount)

found, created = await Item.objects.aupdate_or_create(slug='fresh', defaults={'amount': 50}, create_defaults={'amount': 7, 'note': 'made'})
(created, found.amount, found.note)

found, created = await Item.objects.aupdate_or_create(slug='i-2', defaults={'amount': 50}, create_defaults={'amount': 7})
(created, found.amount)

found, created = await Item.objects.aupdate_or_create(slug='i-2', defaults={'amount': F('amount') + 5})
await found.arefresh_from_db()
(created, found.amount)

found, created = await Book.objects.aupdate_or_create(title='T', author_id=1, defaults={'pages': 3})
(created, found.pages)

a = await Author.objects.aget(pk=1)
found, created = await a.books.aget_or_create(title='by relation')
(created, found.author_id)

made = await Author.objects.abulk_create([Author(name='b1'), Author(name='b2', age=2), Author(name='b3', born=dt.date(2000, 1, 1))])
len(made)

made = await Author.objects.abulk_create([Author(name=str(n), age=n) for n in range(700)])
await Author.objects.aaggregate(n=Count('pk'), s=Sum('age'))

made = await Author.objects.abulk_create([Author(name=str(n)) for n in range(10)], batch_size=3)
len(made)

await Author.objects.abulk_create([])

await Author.objects.abulk_create([Author(pk=801, name='a'), Author(pk=802, name='b')])
await Author.objects.filter(pk__gt=800).order_by('pk').values_list('name', flat=True).afirst()

await Item.objects.abulk_create([Item(slug='i-1'), Item(slug='n')])

await Item.objects.abulk_create([Item(slug='i-1', amount=88), Item(slug='n')], ignore_conflicts=True)
await Item.objects.filter(slug__in=['i-1', 'n']).order_by('slug').values_list('slug', flat=True).acount()

await Item.objects.abulk_create([Item(slug='i-1', amount=88), Item(slug='n', amount=3)], update_conflicts=True, update_fields=['amount'], unique_fields=None if KIND == 'mysql' else ['slug'])
await Item.objects.filter(slug='i-1').values_list('amount', 'note').aget()

await Item.objects.abulk_create([Item(slug='i-1', amount=88, note='z')], update_conflicts=True, update_fields=['amount', 'note'], unique_fields=None if KIND == 'mysql' else ['slug'])
await Item.objects.filter(slug='i-1').values_list('amount', 'note').aget()

await Item.objects.abulk_create([Item(slug='q')], ignore_conflicts=True, update_conflicts=True)

await Item.objects.abulk_create([Item(slug='q')], update_conflicts=True)

await Item.objects.abulk_create([Item(slug='q')], update_conflicts=True, update_fields=['id'], unique_fields=['slug'])

await Item.objects.abulk_create([Item(slug='q')], batch_size=-1)

books = [book async for book in Book.objects.filter(pk__lt=6).order_by('pk')]
for book in books: book.pages, book.price, book.sold = book.pk * 10, None, dt.datetime(2021, 1, book.pk, tzinfo=dt.UTC)
await Book.objects.abulk_update(books, ['pages', 'price', 'sold'])

books = [book async for book in Book.objects.order_by('pk')]
for book in books: book.title = f'{book.pk}: ü'
await Book.objects.abulk_update(books, ['title'], batch_size=7)

books = [book async for book in Book.objects.filter(pk__lt=6).order_by('pk')]
for book in books: book.pages = F('pages') + book.pk if abs(book.pages) < 1000 else 0
await Book.objects.abulk_update(books, ['pages'])

items = [item async for item in Item.objects.order_by('pk')]
for item in items: item.data, item.note = {'pk': item.slug}, None
await Item.objects.abulk_update(items, ['data', 'note'])

books = [book async for book in Book.objects.filter(pk__lt=4).order_by('pk')]
for book in books: book.editor_id, book.lasts, book.done = 5, dt.timedelta(seconds=book.pk), not book.done
await Book.objects.abulk_update(books, ['editor', 'lasts', 'done'])

await Book.objects.abulk_update([Book(title='x')], ['title'])

await Book.objects.abulk_update([await Book.objects.aget(pk=1)], [])

await Book.objects.abulk_update([await Book.objects.aget(pk=1)], ['id'])

await Book.objects.abulk_update([await Book.objects.aget(pk=1)], ['tags'])

await Book.objects.abulk_update([await Book.objects.aget(pk=1), Book(pk=-5, title='gone')], ['title'])

await Book.objects.abulk_update([], ['title'])

b = await Book.objects.aget(pk=1)
await b.tags.aadd(1, 4)
await b.tags.acount()

b = await Book.objects.aget(pk=2)
await b.tags.aadd(await Tag.objects.aget(pk=4), 4, 1)
await b.tags.order_by('pk').values_list('pk', flat=True).alast()

b = await Book.objects.aget(pk=4)
await b.tags.aremove(1, 2, 99)
await b.tags.acount()

b = await Book.objects.aget(pk=4)
await b.tags.aclear()
await b.tags.aexists()

b = await Book.objects.aget(pk=4)
await b.tags.aset([4, 1])
[tag.pk async for tag in b.tags.order_by('pk')]

b = await Book.objects.aget(pk=4)
await b.tags.aset([4, 1], clear=True)
[tag.pk async for tag in b.tags.order_by('pk')]

b = await Book.objects.aget(pk=4)
await b.tags.aset(Tag.objects.filter(name='unused'))
[tag.pk async for tag in b.tags.order_by('pk')]

b = await Book.objects.aget(pk=4)
tag = await b.tags.acreate(name='made here')
(tag, await b.tags.acount())

b = await Book.objects.aget(pk=4)
tag, created = await b.tags.aget_or_create(name='blue')
(created, await b.tags.acount())

t = await Tag.objects.aget(pk=4)
await t.books.aadd(1, 2, 3)
await t.books.acount()

t = await Tag.objects.aget(pk=1)
await t.books.aset([])
await Book.objects.filter(tags=1).acount()

b = await Book.objects.aget(pk=9)
await b.stores.aadd(1, through_defaults={'amount': 6})
[row async for row in Stock.objects.filter(book=9).values('store', 'amount')]

b = await Book.objects.aget(pk=1)
await b.stores.aset([2, 3], through_defaults={'amount': 1})
[row async for row in Stock.objects.filter(book=1).order_by('store').values('store', 'amount')]

b = await Book.objects.aget(pk=1)
await b.stores.aremove(1)
await Stock.objects.acount()

b = await Book.objects.aget(pk=1)
await b.stores.acreate(name='inline', through_defaults={'amount': 2})
[row async for row in Stock.objects.filter(book=1).order_by('amount').values('amount')]

a = await Author.objects.aget(pk=1)
b = await a.books.acreate(title='rel')
(b.author_id, await a.books.acount())

a = await Author.objects.aget(pk=5)
await a.books.aadd(await Book.objects.aget(pk=1), await Book.objects.aget(pk=2))
await a.books.acount()

a = await Author.objects.aget(pk=5)
await a.edited.aadd(await Book.objects.aget(pk=1), bulk=False)
await a.edited.acount()

a = await Author.objects.aget(pk=1)
await a.edited.aremove(await a.edited.order_by('pk').afirst())
await a.edited.acount()

a = await Author.objects.aget(pk=1)
await a.edited.aclear()
await a.edited.acount()

a = await Author.objects.aget(pk=1)
await a.edited.aset([await Book.objects.aget(pk=1), await Book.objects.aget(pk=2)])
await a.edited.acount()

a = await Author.objects.aget(pk=1)
await a.books.aadd(1)
None

a = await Author.objects.aget(pk=1)
await a.edited.aremove(await Book.objects.aget(pk=1))
None

a = await Author.objects.aget(pk=1)
await a.books.filter(done=True).aupdate(pages=2)

a = await Author.objects.aget(pk=1)
await a.books.filter(pages=0).adelete()

a = Author(name='unsaved')
a.books.all()

p = await Profile.objects.acreate(author_id=2, text='second')
await Author.objects.filter(profile__text='second').values_list('pk', flat=True).aget()

await Profile.objects.acreate(author_id=1, text='again')

p = await Profile.objects.aget(author=1)
p.author_id = 4
await p.asave()

c = await Category.objects.acreate(name='deep', parent=await Category.objects.aget(name='leaf'))
await Category.objects.filter(parent__parent__parent__name='root').acount()

c = await Category.objects.aget(name='root')
await c.children.acreate(name='second')
await c.children.acount()

await Category.objects.filter(parent__name='branch').aupdate(name=Concat('name', Value('*')))

await Category.objects.filter(name__startswith='l').aupdate(parent=None)
await Category.objects.filter(parent=None).acount()

q = Book.objects.filter(pk__lt=4).order_by('pk')
first = [book.pk async for book in q]
await Book.objects.filter(pk=1).adelete()
([book.pk async for book in q], [book.pk async for book in q.all()])
""".strip().split("\n\n")
