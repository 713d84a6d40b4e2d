"""Running one text of Python with `rest_framework` and with `vivace.rest`, and making what comes out comparable.

The text is written for Vivace. For DRF, `async` and `await` are taken out of it.
"""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import re
import uuid
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.parity.orm.worlds import comparable as comparable_row

from vivace.rest import serializers, validators
from vivace.web.datastructures import MultiDict

HERE = str(Path(__file__).parent)


class Level(enum.IntEnum):
    """Choices as an enumeration."""

    LOW = 1


COMMON = {
    "HERE": HERE,
    "Level": Level,
    "dt": dt,
    "Decimal": Decimal,
    "uuid": uuid,
    "enum": enum,
    "NS": SimpleNamespace,
    "nan": float("nan"),
}


def details(error: Any) -> Any:
    """Errors with their codes."""
    if isinstance(error, Mapping):
        return {str(key): details(value) for key, value in error.items()}
    if isinstance(error, list):
        return [details(item) for item in error]
    return (str(error), getattr(error, "code", None))


def comparable(value: Any) -> Any:
    """Values with the names of their types; objects as their keys."""
    if isinstance(value, Mapping):
        shown = {str(key): comparable(item) for key, item in value.items()}
        if isinstance(shown.get("tags"), list):
            shown["tags"].sort(key=repr)  # two have the name that they are ordered by
        return shown
    if isinstance(value, list | tuple | set | frozenset):
        items = [comparable(item) for item in value]
        return sorted(items, key=repr) if isinstance(value, set | frozenset) else items
    if hasattr(value, "_meta"):
        return comparable_row(value)
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        value = value.astimezone(dt.UTC)
    name = "str" if isinstance(value, str) else type(value).__name__
    return (name, str(value) if isinstance(value, float | Decimal | dt.date | dt.time | uuid.UUID | str) else value)


def names_of_vivace() -> dict[str, Any]:
    """What a text finds: the serializers, their validators, and what the helpers below do with them."""

    async def validated(serializer: Any) -> Any:
        if await serializer.is_valid():
            return {"valid": comparable(serializer.validated_data)}
        return {"errors": details(serializer.errors)}

    async def shown(serializer: Any) -> Any:
        return comparable(await serializer.load())

    async def saved(serializer: Any, **extra: Any) -> Any:
        if not await serializer.is_valid():
            return {"errors": details(serializer.errors)}
        await serializer.save(**extra)
        return await shown(serializer)

    async def ran(field: Any, data: Any) -> Any:
        value = field.run_validation(data)
        return comparable(await value if inspect.isawaitable(value) else value)

    return {**vars(serializers), **vars(validators), **COMMON} | {
        "serializers": serializers,
        "validators": validators,
        "Form": lambda text: MultiDict(pairs(text)),
        "validated": validated,
        "shown": shown,
        "saved": saved,
        "ran": ran,
    }


def names_of_drf() -> dict[str, Any]:
    """The same of `rest_framework`, which must not be imported before Django is configured."""
    from django.http import QueryDict
    from rest_framework import serializers as theirs
    from rest_framework import validators as their_validators

    def validated(serializer: Any) -> Any:
        if serializer.is_valid():
            return {"valid": comparable(serializer.validated_data)}
        return {"errors": details(serializer.errors)}

    def shown(serializer: Any) -> Any:
        return comparable(serializer.data)

    def saved(serializer: Any, **extra: Any) -> Any:
        if not serializer.is_valid():
            return {"errors": details(serializer.errors)}
        serializer.save(**extra)
        return shown(serializer)

    def ran(field: Any, data: Any) -> Any:
        return comparable(field.run_validation(data))

    def form(text: str) -> Any:
        found = QueryDict("", mutable=True)
        for name, value in pairs(text):
            found.appendlist(name, value)
        return found

    return {**vars(theirs), **vars(their_validators), **COMMON} | {
        "serializers": theirs,
        "validators": their_validators,
        "Form": form,
        "validated": validated,
        "shown": shown,
        "saved": saved,
        "ran": ran,
    }


def pairs(text: str) -> list[tuple[str, str]]:
    """`a=1&a=2` as names and values."""
    found = [part.partition("=") for part in text.split("&") if part]
    return [(name, value) for name, _, value in found]


def failed(error: Exception) -> Any:
    """An error as an answer: a ValidationError by its details, others by their kind."""
    if hasattr(error, "detail"):
        return {"refused": details(error.detail)}
    kind = "TypeError" if isinstance(error, AssertionError) else type(error).__name__
    return {"raises": kind}


def body_of(program: str) -> str:
    """The text as the body of an async function that returns what the last expression says."""
    lines = inspect.cleandoc(program).splitlines()
    start = max(number for number, line in enumerate(lines) if not line[:1].isspace() and line[:1] not in ")]}")
    lines[start] = f"return {lines[start]}"
    return "\n".join(["async def program():", *(f"    {line}" for line in lines)])


async def run_vivace(program: str, names: dict[str, Any]) -> Any:
    """What the text gives."""
    namespace = dict(names)
    exec(body_of(program), namespace)
    try:
        return await namespace["program"]()
    except Exception as error:  # noqa: BLE001 - any error is an answer to compare
        return failed(error)


def run_drf(program: str, names: dict[str, Any]) -> Any:
    """What the text gives without `async` and `await`."""
    namespace = dict(names)
    exec(re.sub(r"\b(async|await) ", "", body_of(program)), namespace)
    try:
        return namespace["program"]()
    except Exception as error:  # noqa: BLE001 - any error is an answer to compare
        return failed(error)
