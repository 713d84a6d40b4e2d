"""The same serializers, declared for DRF and for Vivace, give the same data and the same errors."""

from __future__ import annotations

import pytest
from tests.parity.rest.serializers.conftest import RestWorlds
from tests.parity.rest.serializers.more_programs import MORE
from tests.parity.rest.serializers.programs import CASES, ONE

# The text's last line: why ours differs.
DIFFERENCES: dict[str, str] = {
    "await validated(S(data={'title': 'a', 'tags': [None]}))": "a null is said to be one, as everywhere",
    "await validated(S(data={'title': 'a', 'tags': ['']}))": "no text is null, as for a single relation",
    "await validated(S(data={'nothing': 1}))": "a Meta that cannot work is always a TypeError",
    "await validated(S(data={'title': 'New', 'author': [], 'tags': {}}))": "an object is no list",
    "await validated(S(data={'text': 'x', 'author': []}))": "a list is no slug",
    "await validated(S(data={'text': 'x', 'author': {}}))": "an object is no slug",
    "await validated(S(data={'title': 'Two', 'number': 1}))": "DRF's unique_for_date fails without the date's field",
    **{
        f"await validated(S({ONE}, data={data}, partial=True))": "an update takes an unsent date from the object"
        for data in ("{}", "{'number': 1}", "{'number': 9}")
    },
}


@pytest.mark.parametrize("program", [*CASES, *MORE])
def test_a_serializer_does_what_drfs_does(rest: RestWorlds, program: str) -> None:
    ours, drf = rest.vivace(program), rest.django(program)
    assert (ours == drf) is (program.splitlines()[-1] not in DIFFERENCES), program
