"""Texts that declare serializers and use them; the last line says what is compared."""

from __future__ import annotations

PLAIN = """
class Inner(Serializer):
    a = IntegerField(min_value=0)
    b = CharField(required=False, allow_null=True)
class S(Serializer):
    name = CharField(max_length=5)
    count = IntegerField(default=7)
    when = DateField(required=False)
    secret = CharField(write_only=True, required=False)
    fixed = CharField(read_only=True)
    quiet = HiddenField(default="q")
    inner = Inner(required=False)
    many = Inner(many=True, required=False, max_length=2)
    deep = CharField(source="x.y", required=False)
    more = CharField(source="x.z", required=False, allow_null=True)
    def validate_name(self, value):
        if value == "bad":
            raise ValidationError("Bad name.", code="bad")
        return value.upper()
    def validate(self, attrs):
        if attrs.get("count") == 13:
            raise ValidationError("Unlucky.")
        if attrs.get("count") == 14:
            raise ValidationError({"count": "Unlucky.", "name": ["a", "b"]})
        return attrs
"""
INPUTS = [
    "{}",
    "{'name': 'a'}",
    "{'name': 'bad', 'count': 'x'}",
    "{'name': 'toolong', 'when': 'x', 'inner': {'a': -1}}",
    "{'name': 'a', 'count': 13}",
    "{'name': 'a', 'count': 14}",
    "{'name': 'a', 'fixed': 'x', 'quiet': 'y', 'secret': 's', 'unknown': 1}",
    "{'name': 'a', 'inner': {'a': 1, 'b': None}, 'many': [{'a': 1}, {'a': 2, 'b': 'x'}]}",
    "{'name': 'a', 'inner': None, 'many': None}",
    "{'name': 'a', 'inner': [], 'many': {}}",
    "{'name': 'a', 'many': [{'a': 'x'}, {'a': 1}]}",
    "{'name': 'a', 'many': [{'a': 1}, 5, None]}",
    "{'name': 'a', 'many': [{'a': 1}, 5]}",
    "{'name': 'a', 'many': [None]}",
    "{'name': 'a', 'deep': 'd', 'more': None}",
    "[]",
    "'x'",
    "None",
    "5",
    "Form('name=a&count=&inner.a=1&many[0]a=1&many[1]a=2')",
    "Form('name=&when=')",
    "Form('name=a&many[0]a=x')",
]
CASES = [PLAIN + f"await validated(S(data={data}))" for data in INPUTS]
CASES += [PLAIN + f"await validated(S(data={data}, partial=True))" for data in INPUTS[:8]]
CASES += [
    PLAIN + f"await validated(S(data={data}, many=True))" for data in ("[]", "{}", "[{'name': 'a'}, {}, 5]", "None")
]
CASES += [
    PLAIN + "await validated(S(data=[], many=True, allow_empty=False))",
    PLAIN + "await validated(S(data=[{}] * 3, many=True, max_length=2))",
    PLAIN + "await validated(S(data=[{}], many=True, min_length=2))",
    PLAIN
    + "await shown(S(NS(name='n', count='5', when=dt.date(2024, 1, 2), secret='s', fixed='f', inner=NS(a=1, b=None), "
    "many=[NS(a='2', b='x')], x=NS(y=1, z=None))))",
    PLAIN + "await shown(S({'name': 'n', 'count': 1, 'fixed': 'f', 'inner': None, 'many': [], 'x': {'y': 1, 'z': 2}}))",
    PLAIN + "await shown(S({'name': 'n', 'count': 1, 'fixed': 'f', 'inner': {'a': 1}, 'many': [], 'x': {'y': 1}}))",
    PLAIN + "await shown(S())",
    PLAIN + "await shown(S(many=True))",
    PLAIN + "await shown(S(NS(name='n')))",
]

# Models. Each model serializer of the shop: all fields, some, nested by depth.
MODEL = """
class S(ModelSerializer):
    class Meta:
        model = {model}
        {options}
"""
SHOWN = [
    ("Book", "fields = '__all__'", "Book.objects.order_by('pk')"),
    ("Book", "exclude = ['stores', 'pages']", "Book.objects.order_by('pk')"),
    ("Book", "fields = ['id', 'author', 'editor', 'tags', 'stores']; depth = 1", "Book.objects.order_by('pk')[:9]"),
    ("Author", "fields = ['name', 'books', 'edited', 'profile']", "Author.objects.order_by('pk')[:1]"),
    ("Profile", "fields = '__all__'; depth = 2", "Profile.objects.order_by('pk')"),
    ("Stock", "fields = '__all__'", "Stock.objects.order_by('pk')"),
    ("Store", "fields = '__all__'", "Store.objects.order_by('pk')"),
    ("Category", "fields = '__all__'; depth = 3", "Category.objects.order_by('pk')"),
    ("Category", "fields = ['name', 'children']", "Category.objects.order_by('pk')"),
    ("Item", "fields = '__all__'", "Item.objects.order_by('pk')"),
    ("Restaurant", "fields = '__all__'", "Restaurant.objects.order_by('pk')"),
    ("Pizzeria", "fields = ['name', 'stars', 'oven', 'near']", "Pizzeria.objects.order_by('pk')"),
    ("Issue", "fields = '__all__'", "Issue.objects.order_by('pk')"),
]
CASES += [
    MODEL.format(model=model, options=options) + f"await shown(S({rows}, many=True))" for model, options, rows in SHOWN
]

BOOK = MODEL.format(model="Book", options="exclude = ['stores']")
AUTHOR = "first = (await Author.objects.order_by('pk').first()).pk\n"
TAGS = "tags = [(await Tag.objects.order_by('pk').first()).pk]\n"
BOOKS = [
    "{}",
    "{'title': 'New', 'author': first, 'tags': tags}",
    "{'title': 'New', 'author': first, 'tags': []}",
    "{'title': 'New', 'author': str(first), 'tags': [str(tags[0])], 'price': '1.5', 'rating': '2', 'done': 'yes'}",
    "{'title': '', 'author': None, 'tags': None}",
    "{'title': 'x' * 101, 'author': 10**6, 'tags': [10**6], 'price': '1234567', 'sold': 'x', 'lasts': 'x'}",
    "{'title': 'New', 'author': 'x', 'tags': 'x'}",
    "{'title': 'New', 'author': [], 'tags': {}}",
    "{'title': 'New', 'author': True, 'tags': [True]}",
    "{'title': 'New', 'author': 2**70, 'tags': [2**70]}",
    "{'title': 'New', 'author': first, 'tags': ['x', tags[0]]}",
    "{'title': 'New', 'author': first, 'editor': '', 'tags': tags, 'subtitle': None, 'pages': 2**62}",
    "{'title': 'New', 'author': first, 'pages': 2**64, 'tags': tags}",
    "{'title': None, 'id': 5, 'author': first, 'tags': tags}",
    "Form('title=New&tags=1&tags=2&author=1')",
    "Form('title=New&author=1')",
]
CASES += [AUTHOR + TAGS + BOOK + f"await validated(S(data={data}))" for data in BOOKS]
CASES += [
    AUTHOR
    + TAGS
    + BOOK
    + "await saved(S(await Book.objects.order_by('pk').first(), data={'title': 'Changed'}, partial=True))",
    AUTHOR
    + TAGS
    + BOOK
    + "await saved(S(await Book.objects.order_by('pk').first(), data={'title': 'A', 'author': first, 'tags': tags}))",
    AUTHOR + TAGS + BOOK + "await saved(S(await Book.objects.order_by('pk').first(), data={'tags': []}, partial=True))",
    AUTHOR
    + TAGS
    + BOOK
    + "await saved(S(await Book.objects.order_by('pk').first(), data={'editor': None}, partial=True), title='B')",
]
ISSUE = MODEL.format(model="Issue", options="fields = {fields}")
EVERY = "'__all__'"
GOOD = "'day': '2024-07-06', 'number': 2"
ISSUES = [
    (EVERY, "{}"),
    (EVERY, "{'title': 'Two', " + GOOD + "}"),
    (EVERY, "{'title': 'One', 'day': '2024-05-06', 'number': 2}"),
    (EVERY, "{'title': 'One', 'slug': 'one', 'motto': 'On!', 'day': '2024-05-07', 'number': 2}"),
    (EVERY, "{'title': 'Two', 'slug': 'one', 'motto': 'On!', 'day': '2025-05-07', 'number': 2}"),
    (EVERY, "{'title': 'Two', 'motto': 'On!', 'day': '2024-12-07', 'number': 2}"),
    (EVERY, "{'title': 'Two', 'day': '2024-07-06', 'number': 1}"),
    (EVERY, "{'title': 'Two', 'day': '2024-07-06', 'number': 1, 'volume': 2}"),
    (EVERY, "{'title': 'Two', " + GOOD + ", 'section': 'a', 'place': 'b'}"),
    (EVERY, "{'title': 'Two', " + GOOD + ", 'section': 'a', 'place': 'b', 'is_draft': True}"),
    (EVERY, "{'title': 'Two', " + GOOD + ", 'section': 'a'}"),
    (EVERY, "{'title': 'Two', " + GOOD + ", 'code': 'x'}"),
    (EVERY, "{'title': 'Two', " + GOOD + ", 'code': None, 'kind': 'x', 'shown': 'no', 'address': '0::1'}"),
    ("['title', 'number']", "{'title': 'Two', 'number': 1}"),
    ("['number', 'volume']", "{'number': 1}"),
    ("['number', 'volume']", "{}"),
    ("['section', 'place', 'is_draft']", "{'section': 'a', 'place': 'b'}"),
    ("['section', 'place']", "{'section': 'a', 'place': 'b'}"),
]
CASES += [ISSUE.format(fields=fields) + f"await validated(S(data={data}))" for fields, data in ISSUES]
ONE = "await Issue.objects.create(title='Own', slug='own', day=dt.date(2020, 1, 1), number=9)"
CASES += [
    ISSUE.format(fields=EVERY) + f"await validated(S({ONE}, data={data}, partial=True))"
    for data in (
        "{}",
        "{'number': 1}",
        "{'number': 9}",
        "{'section': 'a', 'place': 'b', 'title': 'x', 'slug': 'x', 'motto': 'x', 'day': '2020-01-02'}",
        "{'code': 'x', 'title': 'x', 'slug': 'x', 'motto': 'x', 'day': '2020-01-02'}",
    )
]
RELATED = """
class S(ModelSerializer):
    author = {author}
    class Meta:
        model = Profile
        fields = ['text', 'author']
"""
CASES += [
    RELATED.format(author=author) + f"await validated(S(data={{'text': 'x', 'author': {value}}}))"
    for author, values in (
        (
            "SlugRelatedField(slug_field='name', queryset=Author.objects.all())",
            ["'Bob'", "'Zoe'", "None", "5", "[]", "{}"],
        ),
        ("PrimaryKeyRelatedField(queryset=Author.objects.all(), pk_field=IntegerField())", ["'1'", "'x'", "1.5"]),
        ("PrimaryKeyRelatedField(queryset=Author.objects.filter(age__gt=50))", ["1"]),
        ("StringRelatedField()", ["1"]),
    )
    for value in values
]
CASES += [
    RELATED.format(author="SlugRelatedField(slug_field='name', read_only=True)")
    + "await shown(S(Profile.objects.order_by('pk'), many=True))",
    MODEL.format(model="Profile", options="fields = '__all__'")
    + "await validated(S(data={'author': (await Author.objects.order_by('pk').first()).pk}))",
]
