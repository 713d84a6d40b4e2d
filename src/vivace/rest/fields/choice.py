"""Fields whose value is one, or some, of a fixed set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, ClassVar

from vivace.rest import _forms
from vivace.rest.fields.base import Field, empty


class ChoiceField(Field):
    """One of `choices`: values, `(value, label)` pairs, or `(group, pairs)`. Matched by text, so "1" finds 1.

    `html_cutoff` is how many of them a form offers, `html_cutoff_text` what it says of the rest.
    """

    default_error_messages: ClassVar = {"invalid_choice": '"{input}" is not a valid choice.'}

    def __init__(
        self,
        choices: Iterable[Any],
        *,
        allow_blank: bool = False,
        html_cutoff: int | None = None,
        html_cutoff_text: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.html_cutoff, self.html_cutoff_text = html_cutoff, html_cutoff_text
        self.choices = choices
        self.allow_blank = allow_blank

    @property
    def choices(self) -> dict[Any, Any]:
        """Labels by value, groups flattened; assign any form that the constructor takes."""
        return self._choices

    @choices.setter
    def choices(self, choices: Iterable[Any]) -> None:
        self.grouped_choices = _as_dict(choices.items() if isinstance(choices, Mapping) else choices)
        self._choices = _flatten(self.grouped_choices)
        self.choice_strings_to_values = {_text(value): value for value in self._choices}

    def to_internal_value(self, data: Any) -> Any:
        if data == "" and self.allow_blank:
            return ""
        try:
            return self.choice_strings_to_values[_text(data)]
        except KeyError:
            self.fail("invalid_choice", input=data)

    def to_representation(self, value: Any) -> Any:
        if value is None or value == "":
            return value
        text = _text(value)
        found = self.choice_strings_to_values.get(text, value)
        return found.value if isinstance(found, Enum) else found


class MultipleChoiceField(ChoiceField):
    """A list of some of `choices`, without repetitions."""

    default_error_messages: ClassVar = {
        "not_a_list": 'Expected a list of items but got type "{input_type}".',
        "empty": "This selection may not be empty.",
    }
    default_empty_html: Any = []

    def __init__(self, choices: Iterable[Any], *, allow_empty: bool = True, **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        self.allow_empty = allow_empty

    def get_value(self, dictionary: Any) -> Any:
        if self.field_name not in dictionary and self._is_partial:
            return empty
        if _forms.is_form(dictionary):
            return dictionary.getlist(self.field_name)
        return dictionary.get(self.field_name, empty)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str | Mapping) or not isinstance(data, Iterable):
            self.fail("not_a_list", input_type=type(data).__name__)
        chosen = list(dict.fromkeys(super(MultipleChoiceField, self).to_internal_value(item) for item in data))
        if not self.allow_empty and not chosen:
            self.fail("empty")
        return chosen

    def to_representation(self, value: Any) -> Any:
        return list(dict.fromkeys(super(MultipleChoiceField, self).to_representation(item) for item in value))


def _text(value: Any) -> str:
    return str(value.value) if isinstance(value, Enum) else str(value)


def _as_dict(choices: Iterable[Any]) -> dict[Any, Any]:
    found = {}
    for choice in choices:
        if not isinstance(choice, list | tuple):
            found[choice] = choice
            continue
        value, label = choice
        found[value] = _as_dict(label) if isinstance(label, list | tuple) else label
    return found


def _flatten(grouped: Mapping[Any, Any]) -> dict[Any, Any]:
    flat = {}
    for value, label in grouped.items():
        if isinstance(label, dict):
            flat.update(label)
        else:
            flat[value] = label
    return flat
