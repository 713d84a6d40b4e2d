"""Fields: what `clean` makes of a value, and what it refuses; tables held against Django's fields."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import models as django_models
from tests.orm.library import Book, Everything

from vivace.orm import models
from vivace.utils.exceptions import ValidationError

if not settings.configured:
    settings.configure(USE_TZ=True, TIME_ZONE="UTC")

MOMENT = dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))
VALUES: list[Any] = [
    *(
        None,
        "",
        " ",
        "a",
        "a b",
        "1",
        "-1",
        "1.5",
        "1e3",
        "NaN",
        "inf",
        0,
        1,
        -1,
        2,
        1.5,
        2**31,
        2**63,
        True,
        False,
        [],
        {},
    ),
    *(
        "t",
        "False",
        "2026-03-29",
        "2026-02-30",
        "2026-03-29 01:30",
        "2026-03-29T01:30:00+02:00",
        "01:30",
        "25:00",
        "P1D",
    ),
    *("1 00:00:01", "a@example.com", "http://example.com", "0" * 32, "x" * 300, "a_b-c", "é", Decimal("1.25")),
    *(
        Decimal("1.2345"),
        Decimal("NaN"),
        dt.date(2026, 3, 29),
        MOMENT,
        dt.time(1, 30),
        dt.timedelta(1),
        uuid.UUID(int=1),
    ),
]
FIELDS: list[tuple[str, dict[str, Any]]] = [
    ("CharField", {"max_length": 5}),
    ("CharField", {"max_length": 300, "blank": True, "null": True}),
    ("CharField", {"max_length": 5, "choices": [("a", "A"), ("G", [("1", "One")])]}),
    ("TextField", {}),
    ("SlugField", {}),
    ("EmailField", {}),
    ("URLField", {}),
    ("IntegerField", {}),
    ("IntegerField", {"null": True, "blank": True}),
    ("BigIntegerField", {}),
    ("SmallIntegerField", {}),
    ("PositiveIntegerField", {}),
    ("BooleanField", {}),
    ("BooleanField", {"null": True, "blank": True}),
    ("FloatField", {}),
    ("DecimalField", {"max_digits": 5, "decimal_places": 2}),
    ("DateField", {}),
    ("DateTimeField", {}),
    ("TimeField", {}),
    ("DurationField", {}),
    ("UUIDField", {}),
    ("JSONField", {"blank": True}),
]

# Where Vivace means to differ: a text without an offset is UTC (Django asks TIME_ZONE), and "" is no duration.
DIFFERENT = {
    ("DateTimeField", "2026-03-29"),
    ("DateTimeField", "2026-03-29 01:30"),
    ("DurationField", ""),
}


def outcome(field: Any, value: Any) -> Any:
    try:
        cleaned = field.clean(value, None)
    except (ValidationError, DjangoValidationError) as error:
        return sorted({str(each.code) for each in error.error_list})
    if cleaned != cleaned:
        return "not a number"
    return (type(cleaned).__name__, cleaned)


@pytest.mark.parametrize(("name", "options"), FIELDS, ids=str)
def test_clean_does_what_djangos_does(name: str, options: dict[str, Any]) -> None:
    ours, theirs = getattr(models, name)(**options), getattr(django_models, name)(**options)
    ours.name = ours.verbose_name = theirs.name = theirs.attname = "value"
    wrong = []
    for value in VALUES:
        try:
            expected = outcome(theirs, value)
        except Exception:  # noqa: BLE001 - Django's own failure is no answer
            continue
        found = outcome(ours, value)
        if found != expected and (name, str(value)) not in DIFFERENT:
            wrong.append(f"{value!r}: Django {expected}, Vivace {found}")
    assert not wrong, "\n".join(wrong)


def test_values_of_other_types_are_told_in_queries() -> None:
    forward = Everything._meta.forward
    for name, value in [
        ("integer", "x"),
        ("boolean", "x"),
        ("decimal", "x"),
        ("date", "x"),
        ("moment", "x"),
        ("key", "x"),
    ]:
        with pytest.raises(ValueError, match=f"Field “{name}” expected"):
            forward[name].get_prep_value(value)
    with pytest.raises(ValueError, match="naive"):
        forward["moment"].get_prep_value(dt.datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(TypeError, match="expected bytes"):
        forward["binary"].get_prep_value("text")


def test_enumerations_go_in_as_their_values() -> None:
    class Size(models.IntegerChoices):
        SMALL = 1
        LARGE = 2, "Really large"

    assert Size.choices == [(1, "Small"), (2, "Really large")]
    assert (Size.labels, Size.values) == (["Small", "Really large"], [1, 2])
    assert Book._meta.forward["pages"].get_prep_value(Size.LARGE) == 2
    assert str(Size.SMALL) == "1"
    assert models.IntegerField(choices=Size).flatchoices == Size.choices
    assert models.IntegerField(choices=lambda: [(3, "c")]).flatchoices == [(3, "c")]
    assert models.IntegerField(choices={"group": {1: "a"}, 2: "b"}).flatchoices == [(1, "a"), (2, "b")]
