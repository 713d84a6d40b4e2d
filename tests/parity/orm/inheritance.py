# ruff: noqa: E501 - one statement a line, however long
"""Rows in several tables, proxies, and rows of any model: questions and programs."""

from __future__ import annotations

QUERIES = """
Place.objects.order_by('pk')
Restaurant.objects.order_by('pk')
Restaurant.objects.order_by('pk').values()
Pizzeria.objects.order_by('pk').values()
Pizzeria.objects.order_by('pk').values_list('pk', 'id', 'name', 'stars', 'oven', 'place_ptr', 'restaurant_ptr')
Restaurant.objects.filter(name='Grill').order_by('pk').values_list('stars', flat=True)
Restaurant.objects.filter(Q(name='Grill') | Q(stars=3)).order_by('pk')
Restaurant.objects.exclude(name='Grill').order_by('pk')
Restaurant.objects.exclude(stars=3).order_by('pk')
Restaurant.objects.filter(pk__in=[3, 5]).order_by('pk')
Restaurant.objects.filter(id=3)
Restaurant.objects.filter(place_ptr=3)
Restaurant.objects.filter(place_ptr__name='Grill').order_by('pk')
Place.objects.filter(restaurant__stars=3).order_by('pk')
Place.objects.filter(restaurant__stars__gte=1).order_by('restaurant__stars', 'pk')
Place.objects.filter(restaurant__isnull=True).order_by('pk')
Place.objects.filter(restaurant__isnull=False).order_by('pk')
Place.objects.filter(restaurant__pizzeria__oven=True).order_by('pk')
Place.objects.exclude(restaurant__stars=3).order_by('pk')
Place.objects.exclude(restaurant__pizzeria__oven=True).order_by('pk')
Place.objects.exclude(bar=None).order_by('pk')
Place.objects.filter(bar__beers__gt=F('restaurant__stars')).order_by('pk')
Place.objects.filter(pk__in=Restaurant.objects.filter(stars=3)).order_by('pk')
Place.objects.filter(pk__in=Restaurant.objects.values('place_ptr')).order_by('pk')
Place.objects.filter(Exists(Restaurant.objects.filter(pk=OuterRef('pk'), stars__gt=1))).order_by('pk')
Place.objects.annotate(stars=F('restaurant__stars')).order_by('pk').values_list('pk', 'stars')
Place.objects.annotate(s=Subquery(Restaurant.objects.filter(pk=OuterRef('pk')).values('stars'))).order_by('pk').values_list('s', flat=True)
Place.objects.values('city').annotate(n=Count('restaurant'), s=Sum('restaurant__stars')).order_by('city')
Place.objects.values_list('name', 'restaurant__stars', 'restaurant__pizzeria__oven', 'bar__beers').order_by('pk')
Place.objects.select_related('restaurant__pizzeria').order_by('pk')
Restaurant.objects.values('city').annotate(n=Count('pk')).order_by('city')
Restaurant.objects.aggregate(Sum('stars'), n=Count('name', distinct=True))
Restaurant.objects.order_by('city', '-stars', 'pk').values_list('pk', flat=True)
Restaurant.objects.order_by('-name', 'pk')[1:3]
Restaurant.objects.filter(near__name='Park').order_by('pk')
Restaurant.objects.filter(near__restaurant__stars=3).order_by('pk')
Restaurant.objects.filter(near__city=F('city')).order_by('pk')
Place.objects.filter(neighbours__stars__gt=0).distinct().order_by('pk')
Place.objects.annotate(n=Count('neighbours')).order_by('pk').values_list('n', flat=True)
Place.objects.filter(neighbours__name='Grill').order_by('pk')
Restaurant.objects.filter(neighbours__stars=1).order_by('pk')
Restaurant.objects.select_related('near').order_by('pk').values_list('near__name', flat=True)
Pizzeria.objects.filter(name__icontains='p', stars__isnull=False).order_by('pk')
Pizzeria.objects.filter(near__name='Park').order_by('pk')
Pizzeria.objects.annotate(x=Concat('name', Value('/'), 'city')).order_by('pk').values_list('x', flat=True)
Pizzeria.objects.annotate(x=F('stars') + 1).order_by('pk').values_list('x', flat=True)
Pizzeria.objects.only('name').order_by('pk')
Pizzeria.objects.defer('stars').order_by('pk')
Pizzeria.objects.in_bulk([5, 6])
Pizzeria.objects.latest('stars', 'pk')
Pizzeria.objects.earliest('name', 'pk')
Pizzeria.objects.dates('opened', 'year')
Pizzeria.objects.get(name='Grill')
Restaurant.objects.get(restaurant_ptr=5)
Pizzeria.objects.count()
Bar.objects.filter(name='Both').count()
Bar.objects.union(Bar.objects.filter(beers=7)).order_by('pk')
Restaurant.objects.values_list('name').union(Bar.objects.values_list('name')).order_by('name')
(Restaurant.objects.filter(stars=3) | Restaurant.objects.filter(name='Pete')).order_by('pk')
Restaurant.objects.distinct().order_by('name', 'pk').values_list('name', flat=True)
Starred.objects.all().values_list('pk', flat=True)
Starred.objects.filter(name='Grill').order_by('pk')
Starred.objects.filter(pizzeria__oven=False).order_by('pk')
Starred.objects.first()
Starred.objects.values('city').annotate(n=Count('pk')).order_by('city')
Note.objects.filter(place__name='Park').order_by('pk')
Note.objects.filter(place__name='Park', place__city='Rome').order_by('pk')
Note.objects.exclude(place__name='Park').order_by('pk')
Note.objects.filter(place__isnull=True).order_by('pk')
Note.objects.filter(place__in=Place.objects.filter(city='Rome')).order_by('pk')
Note.objects.order_by('place__name', 'pk').filter(place__isnull=False).values_list('place__name', 'text')
Note.objects.filter(tag__name='red').order_by('pk')
Note.objects.values('content_type__model').annotate(n=Count('pk')).order_by('content_type__model')
Note.objects.filter(content_type__model='place').order_by('pk').values_list('object_id', flat=True)
Place.objects.filter(notes__text='quiet').order_by('pk')
Place.objects.filter(notes__text='quiet', notes__pk__gt=1).order_by('pk')
Place.objects.filter(notes__text='quiet').filter(notes__text='green').order_by('pk')
Place.objects.exclude(notes__text='quiet').order_by('pk')
Place.objects.filter(notes__isnull=True).order_by('pk')
Place.objects.annotate(n=Count('notes')).order_by('pk').values_list('pk', 'n')
Place.objects.annotate(n=Count('notes', filter=Q(notes__text='quiet'))).order_by('pk').values_list('pk', 'n')
Place.objects.aggregate(n=Count('notes'), d=Count('notes__text', distinct=True))
Place.objects.values_list('pk', 'notes__text').order_by('pk', 'notes__pk')
Place.objects.order_by('notes__text', 'pk').filter(notes__isnull=False).values_list('pk', flat=True)
Restaurant.objects.filter(notes__text='good').order_by('pk')
Restaurant.objects.annotate(n=Count('notes')).order_by('pk').values_list('n', flat=True)
Annotated.objects.filter(notes__text='red one')
Place.objects.prefetch_related('notes').order_by('pk')
Place.objects.filter(nothing=1)
Note.objects.filter(content_object=1)
Restaurant.objects.filter(place__name='x')
""".strip().splitlines()

PROGRAMS = """
r = await Restaurant.objects.aget(pk=3)
[p.pk async for p in Place.objects.filter(restaurant=r)]

p = await Place.objects.select_related('restaurant__pizzeria').aget(pk=5)
(p.restaurant.pk, p.restaurant.pizzeria.oven, p.restaurant.pizzeria.name)

p = await Place.objects.select_related('restaurant').aget(pk=1)
hasattr(p, 'restaurant')

p = await Place.objects.aget(pk=1)
[n.pk async for n in Note.objects.filter(place=p).order_by('pk')]

p = await Place.objects.aget(pk=1)
[n.pk async for n in p.notes.order_by('-pk')]

r, p = await Restaurant.objects.aget(pk=3), await Place.objects.aget(pk=3)
([n.pk async for n in r.notes.all()], [n.pk async for n in p.notes.all()])

[(p.pk, [n.text for n in p.notes.all()]) async for p in Place.objects.prefetch_related('notes').order_by('pk')]

[n.content_object.name async for n in Note.objects.prefetch_related('content_object').order_by('pk')]

r = await Restaurant.objects.acreate(name='New', stars=1)
(r.pk == r.id == r.place_ptr_id, r.name, r.stars)

p = Pizzeria(name='New', oven=True)
await p.asave()
p.name, p.stars, p.oven = 'Newer', 2, False
await p.asave()
await Pizzeria.objects.values_list('name', 'stars', 'oven').aget(name='Newer')

p = await Pizzeria.objects.aget(pk=5)
p.stars = 5
await p.asave(update_fields=['stars'])
(await Restaurant.objects.aget(pk=5)).stars

p = await Pizzeria.objects.aget(pk=5)
p.name = 'kept'
await p.asave(update_fields=['stars'])
(await Place.objects.aget(pk=5)).name

r = Restaurant(place_ptr_id=1, stars=2)
r.__dict__.update({k: v for k, v in (await Place.objects.aget(pk=1)).__dict__.items() if k in ('name', 'city', 'opened')})
await r.asave()
(await Restaurant.objects.aget(pk=1)).name

r = Restaurant(pk=9001, name='own key')
await r.asave()
await Place.objects.filter(pk=9001).acount()

r = Restaurant(pk=1, name='twice')
await r.asave(force_insert=True)
None

await Restaurant.objects.filter(stars=3).aupdate(name='three', stars=F('stars') + 1)

await Restaurant.objects.filter(name='Grill').aupdate(stars=None)

await Pizzeria.objects.filter(oven=True).aupdate(name='hot', stars=9, oven=False)

await Place.objects.filter(restaurant__stars=3).aupdate(city='starred')

await Restaurant.objects.order_by('pk').aupdate(city=Upper('city'))

r = await Restaurant.objects.aget(pk=3)
await r.adelete()

r = await Restaurant.objects.aget(pk=3)
await r.adelete(keep_parents=True)

p = await Pizzeria.objects.aget(pk=5)
await p.adelete(keep_parents=True)

p = await Place.objects.aget(pk=5)
await p.adelete()

await Place.objects.filter(city='Rome').adelete()

await Pizzeria.objects.all().adelete()

await Restaurant.objects.filter(name='nobody').adelete()

await Bar.objects.filter(beers__gt=3).adelete()

await Starred.objects.filter(stars=3).adelete()

s = await Starred.objects.acreate(name='by proxy', stars=4)
await Restaurant.objects.filter(name='by proxy').acount()

r, created = await Restaurant.objects.aget_or_create(name='Grill', stars=3)
created

r, created = await Restaurant.objects.aget_or_create(name='Grill', stars=4)
created

r, created = await Restaurant.objects.aupdate_or_create(name='Grill', defaults={'stars': 7, 'city': 'Bonn'})
(created, r.stars)

r = await Restaurant.objects.aget(pk=3)
r.near = await Place.objects.aget(pk=2)
await r.asave()
await Place.objects.filter(neighbours=r).acount()

p = await Place.objects.aget(pk=1)
await p.neighbours.aset(await Restaurant.objects.aget(pk=3) for _ in range(1))
None

p = await Place.objects.aget(pk=1)
await p.neighbours.aclear()
await p.neighbours.acount()

rows = [r async for r in Restaurant.objects.order_by('pk')]
rows[0].stars, rows[1].stars = 10, 11
await Restaurant.objects.abulk_update(rows, ['stars'])

rows = [r async for r in Restaurant.objects.order_by('pk')]
rows[0].name, rows[1].stars = 'both', 11
await Restaurant.objects.abulk_update(rows, ['stars', 'name'])

r = await Restaurant.objects.aget(pk=3)
await Place.objects.filter(pk=3).aupdate(name='outside')
await r.arefresh_from_db()
r.name

p = await Place.objects.aget(pk=1)
n = await p.notes.acreate(text='new')
(n.object_id, (await ContentType.objects.aget(pk=n.content_type_id)).model)

r = await Restaurant.objects.aget(pk=3)
n = await r.notes.acreate(text='new')
(await ContentType.objects.aget(pk=n.content_type_id)).model

await Note.objects.acreate(text='of a tag', content_object=await Tag.objects.aget(pk=1))
await Note.objects.filter(tag=1).acount()

p = await Place.objects.aget(pk=1)
await p.notes.aclear()
await Note.objects.acount()

p = await Place.objects.aget(pk=1)
await p.notes.aremove(await Note.objects.aget(pk=1))
await p.notes.acount()

p = await Place.objects.aget(pk=2)
await p.notes.aadd(await Note.objects.aget(pk=1))
await p.notes.acount()

p = await Place.objects.aget(pk=2)
await p.notes.aset([await Note.objects.aget(pk=1), await Note.objects.aget(pk=3)])
[n.pk async for n in p.notes.order_by('pk')]

await (await Place.objects.aget(pk=1)).adelete()

await Tag.objects.filter(pk=1).adelete()

await (await Annotated.objects.aget(pk=1)).adelete()

p = await Place.objects.aget(pk=1)
n, created = await p.notes.aget_or_create(text='quiet')
created

p = await Place.objects.aget(pk=2)
n, created = await p.notes.aupdate_or_create(text='loud', defaults={'text': 'louder'})
created

n = Note(text='x', content_object=Place(name='unsaved'))
await n.asave()
None

n = await Note.objects.aget(pk=1)
n.object_id = 2
await n.asave()
await Note.objects.filter(place=2).acount()

await Note.objects.filter(place__city='Rome').aupdate(text='in Rome')

await Note.objects.filter(place__city='Rome').adelete()

n = await Note.objects.aget(pk=1)
n.content_object = await Tag.objects.aget(pk=2)
await n.asave()
(n.object_id, (await ContentType.objects.aget(pk=n.content_type_id)).model)
""".strip().split("\n\n")
