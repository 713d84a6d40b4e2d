"""More texts: what projects write into their serializers."""

from __future__ import annotations

WHOLE = """
class Point(Serializer):
    x = IntegerField()
    y = IntegerField(required=False)
class S(Serializer):
    name = CharField()
    place = Point(source="*")
"""
WORDS = """
class S(Serializer):
    a = IntegerField(min_value=1, error_messages={"required": "Give a.", "invalid": "No number.", "min_value": "Low."})
    b = CharField(max_length=3, required=False, error_messages={"max_length": "Long {max_length}.", "blank": "Empty."})
    c = ChoiceField(choices=["x"], required=False, error_messages={"invalid_choice": "{input} is none."})
    d = ListField(child=IntegerField(), required=False, error_messages={"not_a_list": "A {input_type}."})
"""
SHOWING = """
class S(Serializer):
    name = CharField()
    upper = SerializerMethodField()
    named = SerializerMethodField(method_name="other")
    fixed = ReadOnlyField(source="extra")
    def get_upper(self, obj):
        return obj.name.upper()
    def other(self, obj):
        return [self.context.get("by"), obj.name]
    def to_representation(self, instance):
        data = super().to_representation(instance)
        data["added"] = len(data)
        return data
"""
VALIDATING = """
def even(value):
    if value % 2:
        raise ValidationError("Odd.", code="odd")
def small(value):
    if value > 10:
        raise ValidationError(["Big.", "Really."])
class S(Serializer):
    n = IntegerField(validators=[even, small])
    m = IntegerField(required=False, validators=[even])
    t = CharField(required=False, allow_blank=True, default="d")
    def validate_m(self, value):
        if value == 6:
            raise ValidationError({"deep": "six"})
        return value + 1
    def validate(self, attrs):
        if attrs["n"] == 2:
            raise ValidationError(["One.", "Two."], code="both")
        attrs["sum"] = attrs["n"] + attrs.get("m", 0)
        return attrs
"""
DEFAULTS = """
class S(Serializer):
    a = IntegerField(default=lambda: 5)
    b = IntegerField(default=CreateOnlyDefault(7))
    c = CharField(read_only=True, default="r")
    d = HiddenField(default=CreateOnlyDefault("h"))
    e = BooleanField(default=True)
    f = ListField(default=list)
    g = CharField(allow_null=True, default=None)
"""
SAVING = """
class S(Serializer):
    a = IntegerField()
    b = CharField(required=False)
    async def create(self, validated_data):
        return NS(**{"b": "new", **validated_data})
    async def update(self, instance, validated_data):
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return instance
"""
INHERITED = """
class Base(Serializer):
    a = IntegerField()
    b = CharField()
class Mixin(Serializer):
    c = BooleanField(default=False)
class S(Mixin, Base):
    b = None
    d = CharField(source="a", read_only=True)
"""
MORE = [WHOLE + f"await validated(S(data={data}))" for data in (
    "{'name': 'n', 'place': {'x': 1, 'y': 2}}",
    "{'name': 'n', 'place': {'x': 'z'}}",
    "{'name': 'n'}",
    "{'name': 'n', 'place': None}",
    "{'name': 'n', 'place': []}",
)]  # fmt: skip
MORE += [
    WHOLE + "await shown(S(NS(name='n', x=1, y=2)))",
    WHOLE + "await shown(S({'name': 'n', 'x': 1}))",
]
MORE += [WORDS + f"await validated(S(data={data}))" for data in (
    "{}", "{'a': 'x'}", "{'a': 0, 'b': 'long'}", "{'a': 1, 'b': '', 'c': 'y', 'd': 'z'}", "{'a': None}",
)]  # fmt: skip
MORE += [
    SHOWING + "await shown(S(NS(name='ann', extra=5), context={'by': 'me'}))",
    SHOWING + "await shown(S([NS(name='ann', extra=lambda: 6), NS(name='b', extra=None)], many=True))",
]
MORE += [VALIDATING + f"await validated(S(data={data}))" for data in (
    "{'n': 4}", "{'n': 3}", "{'n': 13, 'm': 3}", "{'n': 4, 'm': 6}", "{'n': 2}", "{'n': 4, 'm': 4, 't': ''}",
    "{'m': 4}",
)]  # fmt: skip
MORE += [
    DEFAULTS + "await validated(S(data={}))",
    DEFAULTS + "await validated(S(NS(), data={}))",
    DEFAULTS + "await validated(S(NS(), data={}, partial=True))",
    DEFAULTS + "await validated(S(data={'a': None, 'e': None, 'f': None, 'g': None}))",
    DEFAULTS + "await validated(S(data=Form('')))",
    DEFAULTS + "await shown(S(NS(a=1)))",
    SAVING + "await saved(S(data={'a': 1}))",
    SAVING + "await saved(S(data={'a': 1}), b='extra')",
    SAVING + "await saved(S(NS(a=1, b='old'), data={'a': 2}))",
    SAVING + "await saved(S(NS(a=1, b='old'), data={'b': 'x'}, partial=True), a=9)",
    SAVING + "await saved(S(data=[{'a': 1}, {'a': 2, 'b': 'c'}], many=True))",
    SAVING + "await saved(S(data=[{'a': 1}, {}], many=True))",
    INHERITED + "await validated(S(data={'a': 1}))",
    INHERITED + "sorted(S().fields)",
    INHERITED + "await shown(S(NS(a=1, c=True)))",
]

OF_BOOK = """
first = (await Author.objects.order_by('pk').first()).pk
class S(ModelSerializer):
    class Meta:
        model = Book
        {meta}
"""
SHORT = "fields = ['title', 'price', 'author']; "
METAS = [
    (SHORT + "extra_kwargs = {'title': {'max_length': 3, 'required': False}}", "{'author': first, 'title': 'long'}"),
    (SHORT + "extra_kwargs = {'price': {'min_value': 1, 'error_messages': {'min_value': 'Cheap.'}}}",
     "{'author': first, 'title': 'a', 'price': '0.5'}"),
    (SHORT + "read_only_fields = ['author', 'price']", "{'title': 'a', 'price': 'x', 'author': 'x'}"),
    (SHORT + "extra_kwargs = {'title': {'write_only': True}, 'price': {'default': '1.5'}}",
     "{'title': 'a', 'author': first}"),
    (SHORT + "extra_kwargs = {'author': {'allow_null': True}}", "{'title': 'a', 'author': None}"),
    (SHORT + "extra_kwargs = {'price': {'coerce_to_string': False}}", "{'title': 'a', 'price': 2, 'author': first}"),
    ("fields = ['title', 'tags']; extra_kwargs = {'tags': {'allow_empty': True}}", "{'title': 'a', 'tags': []}"),
    ("fields = ['title', 'tags']", "{'title': 'a', 'tags': []}"),
    ("fields = ['title', 'tags']", "{'title': 'a', 'tags': [None]}"),
    ("fields = ['title', 'tags']", "{'title': 'a', 'tags': ['']}"),
    ("fields = ['title', 'sold', 'done', 'lasts', 'rating', 'pages']",
     "{'title': 'a', 'sold': 'x', 'done': 'x', 'lasts': 'x', 'rating': 'x', 'pages': 'x'}"),
    ("fields = ['title', 'sold', 'done', 'lasts', 'rating', 'pages']",
     "{'title': 'a', 'sold': None, 'done': None, 'lasts': None, 'rating': None, 'pages': None}"),
    ("fields = ['nothing']", "{'nothing': 1}"),
    ("fields = 'title'", "{}"),
    ("fields = ['title']; exclude = ['pages']", "{}"),
    ("exclude = ['nothing']", "{}"),
    ("depth = 1", "{}"),
]  # fmt: skip
MORE += [OF_BOOK.format(meta=meta) + f"await validated(S(data={data}))" for meta, data in METAS]
MORE += [
    OF_BOOK.format(meta=meta) + "await shown(S(Book.objects.order_by('pk')[:5], many=True))"
    for meta in (
        "fields = ['title', 'price']; extra_kwargs = {'price': {'coerce_to_string': False}}",
        "fields = ['title', 'author']; depth = 2",
        "fields = ['pk', 'title']",
        "fields = ['title', 'author_id']",
    )
]
RELATED = """
class S(ModelSerializer):
    {fields}
    class Meta:
        model = Book
        fields = ['title', {names}]
"""
MORE += [
    RELATED.format(fields=fields, names=names) + "await shown(S(Book.objects.order_by('pk')[:6], many=True))"
    for fields, names in (
        ("author = SlugRelatedField(slug_field='name', read_only=True)", "'author'"),
        ("tags = SlugRelatedField(slug_field='name', many=True, read_only=True)", "'tags'"),
        ("author = PrimaryKeyRelatedField(read_only=True, pk_field=CharField())", "'author'"),
        ("who = CharField(source='author.name', read_only=True)", "'who'"),
        ("who = ReadOnlyField(source='editor.name')", "'who'"),
        ("by = PrimaryKeyRelatedField(source='author', queryset=Author.objects.all())", "'by'"),
    )
]
MORE += [
    RELATED.format(fields=fields, names=names) + f"await validated(S(data={data}))"
    for fields, names, data in (
        ("tags = SlugRelatedField(slug_field='name', many=True, queryset=Tag.objects.all())", "'tags'",
         "{'title': 'a', 'tags': ['nothing']}"),
        ("tags = SlugRelatedField(slug_field='name', many=True, queryset=Tag.objects.all())", "'tags'",
         "{'title': 'a', 'tags': 'x'}"),
        ("tags = PrimaryKeyRelatedField(many=True, queryset=Tag.objects.all(), allow_empty=False)", "'tags'",
         "{'title': 'a', 'tags': []}"),
        ("tags = PrimaryKeyRelatedField(many=True, queryset=Tag.objects.all(), required=False)", "'tags'",
         "{'title': 'a'}"),
        ("tags = PrimaryKeyRelatedField(many=True, queryset=Tag.objects.all(), allow_null=True)", "'tags'",
         "{'title': 'a', 'tags': None}"),
        ("by = PrimaryKeyRelatedField(source='author', queryset=Author.objects.none())", "'by'",
         "{'title': 'a', 'by': 1}"),
    )
]  # fmt: skip
