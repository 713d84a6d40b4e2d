"""Objects that are saved with what is nested in them."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from tests.rest.conftest import CountingDatabase, create_tables
from tests.rest.serializers.nested_models import (
    ALL,
    Address,
    Club,
    Customer,
    Label,
    Line,
    Membership,
    Order,
    Part,
    Remark,
)

from vivace.rest import serializers
from vivace.rest.serializers import NestedWrites


class PartSerializer(serializers.ModelSerializer[Part]):
    class Meta:
        model = Part
        fields = ["id", "name"]


class LineSerializer(serializers.ModelSerializer[Line]):
    parts = PartSerializer(many=True, required=False)

    class Meta:
        model = Line
        fields = ["id", "sku", "quantity", "parts"]
        nested_writes = ["parts"]


class AddressSerializer(serializers.ModelSerializer[Address]):
    class Meta:
        model = Address
        fields = ["town"]


class CustomerSerializer(serializers.ModelSerializer[Customer]):
    address = AddressSerializer(required=False, allow_null=True)

    class Meta:
        model = Customer
        fields = ["id", "name", "email", "address"]
        nested_writes = ["address"]


class LabelSerializer(serializers.ModelSerializer[Label]):
    class Meta:
        model = Label
        fields = ["id", "name"]


class OrderSerializer(serializers.ModelSerializer[Order]):
    lines = LineSerializer(many=True, required=False)
    customer = CustomerSerializer(required=False, allow_null=True)
    labels = LabelSerializer(many=True, required=False)

    class Meta:
        model = Order
        fields = ["id", "title", "customer", "labels", "lines"]
        nested_writes: ClassVar = {
            "lines": NestedWrites(order_by="position"),
            "customer": NestedWrites(),
            "labels": NestedWrites(key="name", link=True),
        }


def with_options(model: Any, name: str, child: Any, fields: list[str], **options: Any) -> Any:
    """A serializer with one nested field, which has these options."""
    meta = type("Meta", (), {"model": model, "fields": fields, "nested_writes": {name: NestedWrites(**options)}})
    base: Any = serializers.ModelSerializer
    return type(base)("Made", (base,), {name: child, "Meta": meta})


@pytest.fixture
async def orders(database: CountingDatabase) -> CountingDatabase:
    """The tables of orders, on SQLite and PostgreSQL."""
    await create_tables(database, ALL)
    return database


pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("orders")]


async def saved(cls: Any, data: Any, instance: Any = None, **kwargs: Any) -> Any:
    serializer = cls(instance, data=data, **kwargs)
    assert await serializer.is_valid(), serializer.errors
    await serializer.save()
    return await serializer.load()


async def refused(cls: Any, data: Any, instance: Any = None, **kwargs: Any) -> Any:
    """The errors, of whichever step finds them."""
    serializer = cls(instance, data=data, **kwargs)
    if not await serializer.is_valid():
        return serializer.errors
    with pytest.raises(serializers.ValidationError) as caught:
        await serializer.save()
    return caught.value.detail


ORDER: dict[str, Any] = {
    "title": "First",
    "customer": {"name": "Ann", "email": "ann@x.org", "address": {"town": "Bern"}},
    "labels": [{"name": "big"}, {"name": "red"}],
    "lines": [
        {"sku": "a", "parts": [{"name": "p"}, {"name": "q"}]},
        {"sku": "b", "quantity": 2},
        {"sku": "c", "parts": [{"name": "r"}]},
    ],
}


async def test_everything_new_is_inserted_level_by_level(orders: CountingDatabase) -> None:
    with orders.count() as asked:
        shown = await saved(OrderSerializer, ORDER)
    assert [line["sku"] for line in shown["lines"]] == ["a", "b", "c"]
    assert [[part["name"] for part in line["parts"]] for line in shown["lines"]] == [["p", "q"], [], ["r"]]
    assert shown["customer"]["address"] == {"town": "Bern"}
    assert {label["name"] for label in shown["labels"]} == {"big", "red"}
    assert await Line.objects.order_by("position").values_list("position", flat=True) == [0, 1, 2]
    inserts = [sql for sql in asked if sql.startswith("INSERT")]
    # SQLite takes rows in batches of one, two, four, …; three lines and three parts are two statements
    # each, and the other five tables one.
    assert len(inserts) <= 9, inserts


async def test_the_number_of_statements_does_not_grow_with_the_lists(orders: CountingDatabase) -> None:
    async def cost(lines: int) -> tuple[int, int]:
        data = {"title": "x", "lines": [{"sku": f"{n}", "parts": [{"name": "p"}]} for n in range(lines)]}
        with orders.count() as creating:
            shown = await saved(OrderSerializer, data)
        order = await Order.objects.get(pk=shown["id"])
        for line in shown["lines"]:
            line["quantity"] = 7
            line["parts"] = [{"name": "new"}, {**line["parts"][0], "name": "changed"}]
        with orders.count() as updating:
            await saved(OrderSerializer, {"title": "y", "lines": shown["lines"][::-1]}, order)
        return len(creating), len(updating)

    assert await cost(4) == await cost(32)  # batches of SQLite are powers of two


async def test_what_is_sent_back_as_it_was_shown_changes_nothing(orders: CountingDatabase) -> None:
    shown = await saved(OrderSerializer, ORDER)
    order = await Order.objects.get(pk=shown["id"])
    with orders.count() as asked:
        assert await saved(OrderSerializer, shown, order) == shown
    assert [sql for sql in asked if not sql.startswith("SELECT")] == []
    assert (await Line.objects.count(), await Part.objects.count(), await Customer.objects.count()) == (3, 3, 1)


async def test_items_are_matched_by_key_created_deleted_and_put_in_order() -> None:
    shown = await saved(OrderSerializer, ORDER)
    a, b, c = shown["lines"]
    order = await Order.objects.get(pk=shown["id"])
    data = {"title": "Second", "lines": [{**c, "quantity": 9}, {"sku": "d"}, {**a, "parts": a["parts"][1:]}]}
    changed = await saved(OrderSerializer, data, order)
    assert [line["sku"] for line in changed["lines"]] == ["c", "d", "a"]
    assert [changed["lines"][0]["id"], changed["lines"][2]["id"]] == [c["id"], a["id"]]
    assert changed["lines"][0]["quantity"] == 9
    assert [part["name"] for part in changed["lines"][2]["parts"]] == ["q"]
    assert not await Line.objects.filter(pk=b["id"]).exists()
    assert changed["customer"] == shown["customer"]  # was not named


async def test_a_partial_update_keeps_what_it_does_not_name() -> None:
    shown = await saved(OrderSerializer, ORDER)
    b = shown["lines"][1]
    order = await Order.objects.get(pk=shown["id"])
    data = {"lines": [{"sku": "e"}, {"id": b["id"], "quantity": 5}]}
    changed = await saved(OrderSerializer, data, order, partial=True)
    assert [(line["sku"], line["quantity"]) for line in changed["lines"]] == [("a", 1), ("b", 5), ("c", 1), ("e", 1)]
    assert await refused(OrderSerializer, {"lines": [{"quantity": 1}]}, order, partial=True) == {
        "lines": {0: {"sku": ["This field is required."]}}
    }


async def test_errors_are_told_by_path_at_any_depth() -> None:
    data = {"title": "", "lines": [{"sku": "a"}, {"sku": "x" * 11, "parts": [{"name": "p"}, {}]}], "customer": {}}
    assert await refused(OrderSerializer, data) == {
        "title": ["This field may not be blank."],
        "lines": {
            1: {
                "sku": ["Ensure this field has no more than 10 characters."],
                "parts": {1: {"name": ["This field is required."]}},
            }
        },
        "customer": {"name": ["This field is required."]},
    }


async def test_a_key_of_somebody_elses_child_is_refused_as_one_that_does_not_exist() -> None:
    other = (await saved(OrderSerializer, ORDER))["lines"][0]
    mine = await Order.objects.create(title="Mine")
    for key in (other["id"], 10**6, 2**70):
        errors = await refused(OrderSerializer, {"title": "x", "lines": [{**other, "id": key}]}, mine)
        assert errors == {"lines": {0: {"id": [f'Invalid pk "{key}" - object does not exist.']}}}
    assert await refused(OrderSerializer, {"title": "x", "lines": [{"id": other["id"], "sku": "a"}]}) != {}
    assert not await Line.objects.filter(pk=other["id"], order=mine).exists()


async def test_a_key_that_comes_twice_is_refused() -> None:
    shown = await saved(OrderSerializer, ORDER)
    order = await Order.objects.get(pk=shown["id"])
    line = shown["lines"][0]
    errors = await refused(OrderSerializer, {"title": "x", "lines": [line, {"sku": "z"}, line]}, order)
    assert errors == {"lines": {2: {"id": ["Another item has the same key."]}}}
    assert await refused(OrderSerializer, {"title": "x", "labels": [{"name": "a"}, {"name": "a"}]}) == {
        "labels": {1: {"name": ["Another item has the same key."]}}
    }


@pytest.mark.parametrize("key", ["x", [], {}, True, 1.5, -1, "9" * 2000])
async def test_a_key_that_is_none_is_refused(key: Any) -> None:
    order = await Order.objects.create(title="Mine")
    errors = await refused(OrderSerializer, {"title": "x", "lines": [{"id": key, "sku": "a"}]}, order)
    assert list(errors["lines"][0]) == ["id"]


async def test_a_unique_value_may_be_sent_back_by_the_object_that_has_it() -> None:
    shown = await saved(OrderSerializer, ORDER)
    order = await Order.objects.get(pk=shown["id"])
    await Customer.objects.create(name="Bob", email="bob@x.org")
    changed = await saved(OrderSerializer, {**shown, "customer": {**shown["customer"], "name": "Anna"}}, order)
    assert changed["customer"]["name"] == "Anna"
    taken = {**shown["customer"], "email": "bob@x.org"}
    assert await refused(OrderSerializer, {**shown, "customer": taken}, order) == {
        "customer": {"email": ["customer with this email already exists."]}
    }


async def test_an_object_that_the_owner_points_to_is_changed_replaced_or_let_go() -> None:
    shown = await saved(OrderSerializer, ORDER)
    order = await Order.objects.get(pk=shown["id"])
    changed = await saved(OrderSerializer, {"title": "x", "customer": {"name": "Zoe"}}, order)
    assert changed["customer"] == {**shown["customer"], "name": "Zoe"}
    errors = await refused(OrderSerializer, {"title": "x", "customer": {"id": 99, "name": "Zoe"}}, order)
    assert errors == {"customer": {"id": ['Invalid pk "99" - object does not exist.']}}
    assert (await saved(OrderSerializer, {"title": "x", "customer": None}, order))["customer"] is None
    assert await Customer.objects.count() == 1


async def test_a_one_to_one_that_points_here_is_made_changed_and_deleted() -> None:
    customer = await Customer.objects.create(name="Ann")
    for town in ("Bern", "Rome"):
        shown = await saved(CustomerSerializer, {"name": "Ann", "address": {"town": town}}, customer)
        assert shown["address"] == {"town": town}
    assert await Address.objects.count() == 1
    assert (await saved(CustomerSerializer, {"name": "Ann", "address": None}, customer))["address"] is None
    assert await Address.objects.count() == 0


async def test_pairs_are_linked_by_a_key_and_ended_without_deleting() -> None:
    blue = await Label.objects.create(name="blue")
    shown = await saved(OrderSerializer, {"title": "x", "labels": [{"name": "blue"}, {"name": "new"}]})
    assert blue.pk in [label["id"] for label in shown["labels"]]
    order = await Order.objects.get(pk=shown["id"])
    shown = await saved(OrderSerializer, {"title": "x", "labels": [{"name": "new"}]}, order)
    assert [label["name"] for label in shown["labels"]] == ["new"]
    assert await Label.objects.count() == 2


async def test_only_objects_of_the_queryset_can_be_linked() -> None:
    for name in ("open", "secret"):
        await Label.objects.create(name=name)
    cls = with_options(
        Order,
        "labels",
        LabelSerializer(many=True),
        ["id", "title", "labels"],
        link=True,
        create=False,
        update=False,
        queryset=Label.objects.exclude(name="secret"),
    )
    pks = {label.name: label.pk async for label in Label.objects.all()}
    shown = await saved(cls, {"title": "x", "labels": [{"id": pks["open"], "name": "open"}]})
    assert shown["labels"] == [{"id": pks["open"], "name": "open"}]
    for item, errors in (
        ({"id": pks["secret"], "name": "secret"}, {"id": [f'Invalid pk "{pks["secret"]}" - object does not exist.']}),
        ({"id": pks["open"], "name": "other"}, {"name": ["Objects that are there may not be changed here."]}),
        ({"name": "other"}, ["New objects are not taken here; name one that is there."]),
    ):
        assert await refused(cls, {"title": "x", "labels": [item]}) == {"labels": {0: errors}}


@pytest.mark.parametrize(("missing", "left"), [("delete", 0), ("unlink", 1), ("keep", 1), ("refuse", 1)])
async def test_missing_says_what_becomes_of_objects_that_are_no_longer_named(missing: str, left: int) -> None:
    cls = with_options(Line, "parts", PartSerializer(many=True), ["id", "sku", "parts"], missing=missing)
    order = await Order.objects.create(title="x")
    line = await Line.objects.create(order=order, sku="a")
    part = await Part.objects.create(line=line, name="p")
    if missing == "refuse":
        assert await refused(cls, {"sku": "a", "parts": []}, line) == {
            "parts": ["An object that is there may not be left out here."]
        }
    else:
        shown = await saved(cls, {"sku": "a", "parts": []}, line)
        assert len(shown["parts"]) == (missing == "keep")
    lines = await Part.objects.filter(pk=part.pk).values_list("line", flat=True)
    assert lines == [None if missing == "unlink" else line.pk][:left]


async def test_an_item_can_ask_to_be_deleted() -> None:
    cls = with_options(Line, "parts", PartSerializer(many=True), ["id", "sku", "parts"], delete_flag="_delete")
    line = await Line.objects.create(order=await Order.objects.create(title="x"), sku="a")
    first, second = [await Part.objects.create(line=line, name=name) for name in "pq"]
    shown = await saved(cls, {"parts": [{"id": first.pk, "_delete": True}]}, line, partial=True)
    assert shown["parts"] == [{"id": second.pk, "name": "q"}]


async def test_nothing_is_saved_when_something_fails() -> None:
    await Customer.objects.create(name="Bob", email="bob@x.org")

    class Careless(CustomerSerializer):
        class Meta(CustomerSerializer.Meta):
            extra_kwargs: ClassVar[dict[str, Any]] = {"email": {"validators": []}}

    cls = with_options(Order, "customer", Careless(), ["id", "title", "customer"])
    errors = await refused(cls, {"title": "x", "customer": {"name": "B", "email": "bob@x.org"}})
    assert errors == {"customer": {"email": ["customer with this email already exists."]}}
    assert await Order.objects.count() == 0


async def test_a_serializers_own_create_and_update_are_called() -> None:
    calls: list[str] = []

    class Own(PartSerializer):
        async def create(self, validated_data: dict[str, Any]) -> Part:
            calls.append("create")
            made: Part = await super().create({**validated_data, "name": validated_data["name"].upper()})
            return made

        async def update(self, instance: Part, validated_data: dict[str, Any]) -> Part:
            calls.append("update")
            changed: Part = await super().update(instance, validated_data)
            return changed

    cls = with_options(Line, "parts", Own(many=True), ["id", "sku", "parts"])
    line = await Line.objects.create(order=await Order.objects.create(title="x"), sku="a")
    shown = await saved(cls, {"sku": "a", "parts": [{"name": "p"}]}, line)
    await saved(cls, {"sku": "a", "parts": [{**shown["parts"][0], "name": "q"}]}, line)
    assert calls == ["create", "update"]
    assert shown["parts"][0]["name"] == "P"


async def test_items_that_validate_makes_anew_are_matched_again() -> None:
    class Loud(LineSerializer):
        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            return {**attrs, "parts": [{**part, "name": part["name"].upper()} for part in attrs["parts"]]}

    line = await Line.objects.create(order=await Order.objects.create(title="x"), sku="a")
    part = await Part.objects.create(line=line, name="p")
    serializer = Loud(line, data={"sku": "a", "parts": [{"id": part.pk, "name": "q"}]})
    assert await serializer.is_valid()
    assert serializer.validated_data["parts"][0] == {"id": part.pk, "name": "Q"}
    await serializer.save()
    assert (await Part.objects.get()).name == "Q"


async def test_a_nested_writes_that_cannot_work_says_so() -> None:
    class NoKey(serializers.ModelSerializer[Part]):
        class Meta:
            model = Part
            fields = ["name"]

    parts = PartSerializer(many=True)
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (NoKey(many=True), {}, "cannot be told apart; add id to NoKey"),
        (PartSerializer(), {}, "takes a serializer with many=True"),
        (PartSerializer(many=True, read_only=True), {}, "not read_only"),
        (parts, {"order_by": "plaec"}, "order_by: "),
        (PartSerializer(many=True, source="sku"), {}, "no relation 'sku'"),
    ]
    for child, options, message in cases:
        cls = with_options(Line, "parts", child, ["parts"], **options)
        with pytest.raises(TypeError, match=message):
            _ = cls().bound_fields
    with pytest.raises(ValueError, match="missing"):
        NestedWrites(missing="forget")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="link=True"):
        NestedWrites(queryset=Label.objects.all())


async def test_without_it_nested_values_are_refused_with_a_hint() -> None:
    class Plain(serializers.ModelSerializer[Line]):
        parts = PartSerializer(many=True)

        class Meta:
            model = Line
            fields = ["sku", "parts"]

    serializer = Plain(data={"sku": "a", "parts": [{"name": "p"}]})
    assert await serializer.is_valid()
    with pytest.raises(TypeError, match=r"Name it in Meta\.nested_writes"):
        await serializer.save()


async def test_what_points_here_by_content_type_and_key_is_written() -> None:
    class RemarkSerializer(serializers.ModelSerializer[Remark]):
        class Meta:
            model = Remark
            fields = ["id", "text"]

    cls = with_options(Club, "remarks", RemarkSerializer(many=True), ["id", "name", "remarks"])
    shown = await saved(cls, {"name": "Chess", "remarks": [{"text": "a"}, {"text": "b"}]})
    club = await Club.objects.get(pk=shown["id"])
    second = shown["remarks"][1]
    data = {"name": "Chess", "remarks": [{**second, "text": "B"}, {"text": "c"}]}
    shown = await saved(cls, data, club)
    assert [remark["text"] for remark in shown["remarks"]] == ["B", "c"]
    assert shown["remarks"][0]["id"] == second["id"]
    assert await Remark.objects.count() == 2
    other = await Club.objects.create(name="Go")
    assert list((await refused(cls, {"name": "Go", "remarks": [second]}, other))["remarks"]) == [0]


async def test_rows_of_a_through_model_are_written_and_matched_by_who_is_paired(orders: CountingDatabase) -> None:
    class MembershipSerializer(serializers.ModelSerializer[Membership]):
        class Meta:
            model = Membership
            fields = ["customer", "role"]

    cls = with_options(
        Club, "memberships", MembershipSerializer(many=True), ["id", "name", "memberships"], key="customer"
    )
    ann, bob, cid = [(await Customer.objects.create(name=name)).pk for name in ("Ann", "Bob", "Cid")]
    shown = await saved(cls, {"name": "Chess", "memberships": [{"customer": ann}, {"customer": bob, "role": "head"}]})
    club = await Club.objects.get(pk=shown["id"])
    before = {row.customer: row.pk async for row in Membership.objects.select_related("customer")}
    data = {"name": "Chess", "memberships": [{"customer": cid}, {"customer": ann, "role": "head"}]}
    with orders.count() as asked:
        shown = await saved(cls, data, club)
    assert sorted(shown["memberships"], key=str) == sorted(
        [{"customer": ann, "role": "head"}, {"customer": cid, "role": "plain"}], key=str
    )
    assert (await Membership.objects.get(club=club, customer=ann)).pk in before.values()
    assert len([sql for sql in asked if not sql.startswith("SELECT")]) == 3
    twice = {"name": "Chess", "memberships": [{"customer": ann}, {"customer": ann}]}
    assert await refused(cls, twice, club) == {"memberships": {1: {"customer": ["Another item has the same key."]}}}
