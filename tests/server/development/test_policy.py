from __future__ import annotations

import pytest

from vivace.server.development.policy import Permission, permission

NO = Permission(False)
YES = Permission(True)


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], YES),
        (["frame-ancestors 'none'"], YES),
        (["default-src 'self'"], YES),
        (["default-src *"], YES),
        (["DEFAULT-SRC 'SELF'; img-src data:"], YES),
        (["default-src 'none'"], NO),
        (["default-src 'none'; script-src 'self'; connect-src 'self'"], YES),
        (["default-src 'none'; script-src 'self'"], NO),
        (["script-src 'self'; script-src 'none'"], YES),
        (["script-src 'self'; script-src-elem 'none'"], NO),
        (["script-src https://cdn.example"], NO),
        (["script-src data:"], NO),
        (["script-src 'nonce-abc'"], Permission(True, "abc")),
        (["script-src 'self' 'nonce-abc' 'strict-dynamic'"], Permission(True, "abc")),
        (["script-src 'self' 'strict-dynamic'"], NO),
        (["script-src 'nonce-abc'; connect-src https://api.example"], NO),
        (["script-src 'self'", "default-src 'none'"], NO),
        (["script-src 'self', default-src 'none'"], NO),
        (["script-src 'nonce-a'", "script-src 'nonce-b'"], NO),
        (["sandbox"], NO),
        (["sandbox allow-scripts"], YES),
        ([""], YES),
    ],
)
def test_a_policy_permits_the_script_or_does_not(policies: list[str], expected: Permission) -> None:
    assert permission(policies) == expected
