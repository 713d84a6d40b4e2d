"""`GenericIPAddressField`: the same answers whether the database has a type for addresses or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import models as django_models
from tests.orm.tables import tables_of

from vivace.databases import Database
from vivace.orm import models
from vivace.utils.exceptions import ValidationError

pytestmark = pytest.mark.anyio


class Host(models.Model):
    ip = models.GenericIPAddressField(null=True, blank=True, unpack_ipv4=True)

    class Meta:
        app_label = "addresses"


@pytest.fixture
async def hosts(database: Database) -> AsyncIterator[Database]:
    async with tables_of(database, Host):
        await Host.objects.bulk_create(
            [Host(ip=ip) for ip in ("10.0.0.1", "2001:DB8::0001", None, "", "::ffff:10.0.0.9")]
        )
        yield database


LOOKUPS: list[tuple[dict[str, Any], list[str | None]]] = [
    ({"ip": "10.0.0.1"}, ["10.0.0.1"]),
    ({"ip": "2001:db8:0::1"}, ["2001:db8::1"]),
    ({"ip__in": ["10.0.0.9", "2001:DB8::1"]}, ["10.0.0.9", "2001:db8::1"]),
    ({"ip__startswith": "10."}, ["10.0.0.1", "10.0.0.9"]),
    ({"ip__endswith": "1"}, ["10.0.0.1", "2001:db8::1"]),
    ({"ip__icontains": "DB8"}, ["2001:db8::1"]),
    ({"ip__iexact": "2001:DB8::1"}, ["2001:db8::1"]),
    ({"ip__regex": "1$"}, ["10.0.0.1", "2001:db8::1"]),
    ({"ip__isnull": True}, [None, None]),
]


@pytest.mark.parametrize(("lookups", "expected"), LOOKUPS)
async def test_lookups(hosts: Database, lookups: dict[str, Any], expected: list[str | None]) -> None:
    found: list[str | None] = [host.ip async for host in Host.objects.filter(**lookups)]
    assert sorted(found, key=str) == expected


@pytest.mark.parametrize("options", [{}, {"protocol": "ipv4"}, {"protocol": "IPv6"}, {"unpack_ipv4": True}], ids=str)
def test_clean_does_what_djangos_does(options: dict[str, Any]) -> None:
    ours, theirs = models.GenericIPAddressField(**options), django_models.GenericIPAddressField(**options)
    for value in (
        "10.0.0.1",
        " 10.0.0.1 ",
        "10.0.0",
        "::1",
        "2001:DB8:0:0::1",
        "::ffff:10.0.0.1",
        "x",
        ":::",
        "",
        None,
    ):
        outcomes = []
        for field in (ours, theirs):
            try:
                outcomes.append(field.clean(value, None))
            except (ValidationError, DjangoValidationError) as error:
                outcomes.append(sorted({each.code for each in error.error_list}))
        assert outcomes[0] == outcomes[1], value
