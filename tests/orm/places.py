"""Models with multi-table and proxy inheritance, and every form of `on_delete`."""

from __future__ import annotations

from vivace.orm import models


class Place(models.Model):
    name = models.CharField(max_length=50)
    address = models.CharField(max_length=80, default="")
    changed = models.DateTimeField(auto_now=True)
    tags: models.ManyToManyField[Label] = models.ManyToManyField("Label", related_name="places")
    restaurant: Restaurant
    bar: Bar
    visits: models.RelatedManager[Visit]
    reviews: models.RelatedManager[Review]

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Label(models.Model):
    word = models.CharField(max_length=20)
    places: models.RelatedManager[Place]


class Rated(models.Model):
    rating = models.IntegerField(null=True)

    class Meta:
        abstract = True
        verbose_name = "rated"


class Restaurant(Place, Rated):  # type: ignore[misc]  # two Metas
    pizza = models.BooleanField(default=False)
    stars = models.IntegerField(default=0)
    waiters: models.RelatedManager[Waiter]
    italian: Italian
    place_ptr: Place


class Italian(Restaurant):
    gnocchi = models.BooleanField(default=False)
    restaurant_ptr: Restaurant
    place_ptr_id: int | None


class Bar(Place):
    place = models.OneToOneField(Place, models.CASCADE, parent_link=True, related_name="bar")
    beers = models.IntegerField(default=1)


class Owned(models.Model):
    key = models.AutoField(primary_key=True)
    owner = models.CharField(max_length=20)


class Franchise(Owned, Place):
    """Two parents with tables."""

    owned_ptr_id: int
    place_ptr_id: int


class OpenPlaceManager(models.Manager["Place"]):
    def get_queryset(self) -> models.QuerySet[Place]:
        return super().get_queryset().exclude(address="")


class AddressedPlace(Place):
    addressed = OpenPlaceManager()

    class Meta:
        proxy = True
        ordering = ["-name"]

    def shout(self) -> str:
        return self.name.upper()


class Waiter(models.Model):
    name = models.CharField(max_length=20)
    restaurant = models.ForeignKey(Restaurant, models.CASCADE, related_name="waiters")


class Visit(models.Model):
    place = models.ForeignKey(Place, models.CASCADE, related_name="visits")


class Review(models.Model):
    of: models.ForeignKey[AddressedPlace | None] = models.ForeignKey(
        AddressedPlace, models.SET_NULL, null=True, related_name="reviews"
    )


# Deleting


class Root(models.Model):
    code = models.CharField(max_length=10, unique=True, default="x")


def somebody() -> Root:
    raise AssertionError("replaced by the test")


class Cascaded(models.Model):
    root = models.ForeignKey(Root, models.CASCADE, related_name="cascaded")


class Below(models.Model):
    up = models.ForeignKey(Cascaded, models.CASCADE, related_name="below")


class Protecting(models.Model):
    root = models.ForeignKey(Root, models.PROTECT, null=True)
    below = models.ForeignKey(Below, models.PROTECT, null=True)


class Restricting(models.Model):
    root = models.ForeignKey(Root, models.RESTRICT)
    cascaded = models.ForeignKey(Cascaded, models.CASCADE, null=True)


class Changed(models.Model):
    nulled = models.ForeignKey(Root, models.SET_NULL, null=True, related_name="+")
    defaulted = models.ForeignKey(Root, models.SET_DEFAULT, default=1, null=True, related_name="+")
    given = models.ForeignKey(Root, models.SET(2), null=True, related_name="+")
    by_code = models.ForeignKey(Root, models.CASCADE, to_field="code", null=True, related_name="+")


class InDatabase(models.Model):
    root = models.ForeignKey(Root, models.DB_CASCADE, null=True, related_name="+")
    nulled = models.ForeignKey(Root, models.DB_SET_NULL, null=True, related_name="+")


class Tree(models.Model):
    parent: models.ForeignKey[Tree | None] = models.ForeignKey("self", models.CASCADE, null=True)


MODELS = (
    Place,
    Label,
    Restaurant,
    Italian,
    Bar,
    Owned,
    Franchise,
    AddressedPlace,
    Waiter,
    Visit,
    Review,
    Root,
    Cascaded,
    Below,
    Protecting,
    Restricting,
    Changed,
    InDatabase,
    Tree,
)
