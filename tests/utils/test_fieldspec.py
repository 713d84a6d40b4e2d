"""What a field knows."""

from vivace.utils.fieldspec import NO_DEFAULT, FieldSpec


def test_none_is_a_default_and_no_default_is_none() -> None:
    assert not FieldSpec("a", "string", str).has_default
    assert FieldSpec("a", "string", str, default=None).has_default
    assert not NO_DEFAULT
    assert repr(NO_DEFAULT) == "NO_DEFAULT"
